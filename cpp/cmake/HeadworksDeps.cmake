# The one place that finds third-party code. Nothing is copied into the repository; what is missing is said in one
# line that can be pasted. Imported targets: Boost::headers, headworks_simdjson, headworks_sodium, SQLite::SQLite3,
# OpenSSL::SSL, Threads::Threads.
set(HEADWORKS_HINT "
  Debian/Ubuntu: apt install libsimdjson-dev libsodium-dev libsqlite3-dev libssl-dev pkg-config
  Fedora:        dnf install simdjson-devel libsodium-devel sqlite-devel openssl-devel pkgconf
  macOS:         brew install simdjson libsodium sqlite openssl pkg-config
  conda:         conda install -c conda-forge simdjson libsodium sqlite openssl pkg-config")

function(headworks_require found what)
  if(NOT ${found})
    message(FATAL_ERROR "${what} was not found. Install it, then configure again:${HEADWORKS_HINT}")
  endif()
endfunction()

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 QUIET COMPONENTS SSL Crypto)
headworks_require(OPENSSL_FOUND "OpenSSL 3 (headers)")
find_package(SQLite3 3.35 QUIET)
headworks_require(SQLite3_FOUND "SQLite 3.35 or newer (headers)")

# simdjson's CMake config accepts only its own minor version, so none is asked for here and it is checked below.
find_package(simdjson CONFIG QUIET)
headworks_require(simdjson_FOUND "simdjson 3.0 or newer (headers)")
if(simdjson_VERSION VERSION_LESS 3.0)
  message(FATAL_ERROR "simdjson ${simdjson_VERSION} is too old; 3.0 or newer is needed:${HEADWORKS_HINT}")
endif()

find_package(PkgConfig QUIET)
headworks_require(PKG_CONFIG_FOUND "pkg-config")
pkg_check_modules(sodium QUIET IMPORTED_TARGET libsodium>=1.0.18)
headworks_require(sodium_FOUND "libsodium 1.0.18 or newer (headers)")

# Boost: a distribution's if it is new enough, else the header wheel (PyPI boost-headers) of the build environment.
find_package(Boost 1.84 QUIET CONFIG)
if(NOT TARGET Boost::headers)
  find_package(Python 3.11 QUIET COMPONENTS Interpreter)
  if(Python_EXECUTABLE)
    execute_process(COMMAND "${Python_EXECUTABLE}" -c "import boost_headers; print(boost_headers.get_include(), end='')"
      OUTPUT_VARIABLE HEADWORKS_BOOST_INCLUDE RESULT_VARIABLE HEADWORKS_BOOST_MISSING ERROR_QUIET)
  else()
    set(HEADWORKS_BOOST_MISSING 1)
  endif()
  if(HEADWORKS_BOOST_MISSING)
    message(FATAL_ERROR "Boost 1.84 or newer was not found. Either install your system's, or: pip install boost-headers")
  endif()
  add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
  target_include_directories(Boost::headers SYSTEM INTERFACE "${HEADWORKS_BOOST_INCLUDE}")
endif()
