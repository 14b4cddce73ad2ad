"""Example plug-ins: each is whole, short, and can be named as it is.

    headworks serve --plugin headworks.examples.canary

Copy one and change it. What they need to know (a model's name, hours, shares) they read from their backends'
metadata or from the environment.
"""
