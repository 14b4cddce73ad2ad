// TLS on both sides of the gateway: the one factory of contexts, and the session that a Socket encrypts with.
//
// Upstreams are always verified: chain, host name (or address), TLS 1.2 or newer; there is no switch to turn it off.
// Sessions are resumed per origin (tickets), because a full handshake costs as much CPU as a dozen requests.
// Contexts are shared between loops and thread-safe; a TlsSession is loop-owned. OpenSSL stays behind this header.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace headworks::net {

enum class IoStatus : std::uint8_t;
struct ReadResult;

// One end of one TLS connection over a non-blocking descriptor.
class TlsSession {
 public:
  TlsSession(ssl_st* ssl, std::shared_ptr<void> keep_alive);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  IoStatus handshake(int fd);  // ok, would_block or reset
  ReadResult read(int fd, char* data, std::size_t size);
  ReadResult write(int fd, std::span<const iovec> pieces);
  void close_notify(int fd);

  // Why the handshake failed ("certificate has expired", "hostname mismatch"); for the log.
  std::string failure() const;

 private:
  void bind(int fd);
  ssl_st* ssl_;
  std::shared_ptr<void> keep_alive_;  // the context and the session cache
  bool bound_ = false;
  bool broken_ = false;  // after a fatal error OpenSSL must not be called again
};

// Client side: makes sessions towards upstreams. Thread-safe.
class TlsClientContext {
 public:
  // Trusts the system's roots, or those of `ca_file` (PEM) when it is not empty (SSL_CERT_FILE is honoured).
  static base::Result<std::shared_ptr<TlsClientContext>> make(const std::string& ca_file);
  ~TlsClientContext();

  // `host` is a name (SNI and verification) or an address literal (verification only).
  std::unique_ptr<TlsSession> make_session(const std::string& host, std::uint16_t port);

 private:
  struct Parts;
  explicit TlsClientContext(std::shared_ptr<Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<Parts> parts_;
};

// Server side: the optional TLS of the data listener. Thread-safe.
class TlsServerContext {
 public:
  static base::Result<std::shared_ptr<TlsServerContext>> make(const std::string& certificate_file,
                                                              const std::string& private_key_file);
  std::unique_ptr<TlsSession> make_session();

 private:
  explicit TlsServerContext(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  std::shared_ptr<ssl_ctx_st> context_;
};

std::string openssl_version();

}  // namespace headworks::net
