#include "net/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "base/secret.hpp"
#include "net/socket.hpp"

namespace headworks::net {
namespace {

using base::ErrorKind;
using base::fail;

std::string last_openssl_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

void set_common_options(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps no record buffers
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

constexpr unsigned char kAlpn[] = "\x08http/1.1";

IoStatus status_of(SSL* ssl, int result, bool& broken) {
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE: return IoStatus::ok;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return IoStatus::would_block;
    case SSL_ERROR_ZERO_RETURN: return IoStatus::closed;
    default:
      broken = true;
      ERR_clear_error();
      return IoStatus::reset;
  }
}

}  // namespace

TlsSession::TlsSession(ssl_st* ssl, std::shared_ptr<void> keep_alive)
    : ssl_(ssl), keep_alive_(std::move(keep_alive)) {}

TlsSession::~TlsSession() {
  // OpenSSL takes a connection that is freed without a closure alert for a broken one, and forbids to resume its session.
  // The peers of ours just close. (What really broke, it has forbidden already.)
  SSL_set_quiet_shutdown(ssl_, 1);
  SSL_shutdown(ssl_);
  ERR_clear_error();
  SSL_free(ssl_);
}

void TlsSession::bind(int fd) {
  if (!bound_) SSL_set_fd(ssl_, fd);
  bound_ = true;
}

IoStatus TlsSession::handshake(int fd) {
  bind(fd);
  ERR_clear_error();
  return status_of(ssl_, SSL_do_handshake(ssl_), broken_);
}

ReadResult TlsSession::read(int fd, char* data, std::size_t size) {
  bind(fd);
  if (broken_) return {IoStatus::reset, 0};
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = SSL_read_ex(ssl_, data, size, &bytes);
  if (result == 1) return {IoStatus::ok, bytes};
  return {status_of(ssl_, result, broken_), 0};
}

ReadResult TlsSession::write(int fd, std::span<const iovec> pieces) {
  bind(fd);
  if (broken_) return {IoStatus::reset, 0};
  // Small pieces go out as one record: a head, a chunk size and a few bytes must not become three. The bytes are the
  // same again on a retry, which is what OpenSSL asks for.
  static constexpr std::size_t kRecord = 16384;
  thread_local std::array<char, kRecord> record;
  const char* data = static_cast<const char*>(pieces.front().iov_base);
  std::size_t size = pieces.front().iov_len;
  if (pieces.size() > 1 && size < kRecord / 2) {
    std::size_t filled = 0;
    for (const iovec& piece : pieces) {
      const std::size_t part = std::min(piece.iov_len, kRecord - filled);
      std::memcpy(record.data() + filled, piece.iov_base, part);
      filled += part;
      if (filled == kRecord) break;
    }
    data = record.data();
    size = filled;
  }
  if (size == 0) return {IoStatus::ok, 0};
  ERR_clear_error();
  std::size_t bytes = 0;
  const int result = SSL_write_ex(ssl_, data, size, &bytes);
  if (data == record.data()) base::wipe(record.data(), size);  // a head with a key may have been in it
  if (result == 1) return {IoStatus::ok, bytes};
  return {status_of(ssl_, result, broken_), 0};
}

void TlsSession::close_notify(int fd) {
  bind(fd);
  if (broken_ || SSL_in_init(ssl_) != 0) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

std::string TlsSession::failure() const {
  const long verdict = SSL_get_verify_result(ssl_);
  return verdict == X509_V_OK ? "the TLS handshake failed" : X509_verify_cert_error_string(verdict);
}

// The client's sessions by origin, for resumption. OpenSSL calls back from whatever loop got a ticket.
struct TlsClientContext::Parts {
  std::shared_ptr<SSL_CTX> context;
  std::mutex mutex;  // guards sessions; held for a map operation only, at handshakes
  std::unordered_map<std::string, std::shared_ptr<SSL_SESSION>> sessions;

  static constexpr std::size_t kMaxSessions = 4096;

  static int index() {
    static const int value = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return value;
  }

  // ex_data of a connection: where its tickets belong.
  struct Origin {
    Parts* parts;
    std::string key;
  };

  static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    auto* origin = static_cast<Origin*>(SSL_get_ex_data(ssl, index()));
    if (origin == nullptr) return 0;
    const std::lock_guard lock(origin->parts->mutex);
    if (origin->parts->sessions.size() >= kMaxSessions) origin->parts->sessions.clear();
    origin->parts->sessions[origin->key] = {session, SSL_SESSION_free};
    return 1;  // we keep the reference
  }
};

base::Result<std::shared_ptr<TlsClientContext>> TlsClientContext::make(const std::string& ca_file) {
  auto parts = std::make_shared<Parts>();
  parts->context = {SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  SSL_CTX* context = parts->context.get();
  if (context == nullptr) return fail(ErrorKind::internal, "OpenSSL gave no client context", last_openssl_error());
  set_common_options(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context, kAlpn, sizeof kAlpn - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &Parts::on_new_session);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) {
    return fail(ErrorKind::invalid_configuration,
                "the trusted certificates could not be read" + (ca_file.empty() ? "" : " from " + ca_file),
                last_openssl_error());
  }
  return std::shared_ptr<TlsClientContext>(new TlsClientContext(std::move(parts)));
}

TlsClientContext::~TlsClientContext() = default;

std::unique_ptr<TlsSession> TlsClientContext::make_session(const std::string& host, std::uint16_t port) {
  SSL* ssl = SSL_new(parts_->context.get());
  if (ssl == nullptr) throw std::bad_alloc();
  SSL_set_connect_state(ssl);
  unsigned char address[sizeof(in6_addr)];
  const bool literal =
      ::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1;
  if (literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, host.c_str());
  }
  auto origin = std::make_unique<Parts::Origin>(parts_.get(), host + ":" + std::to_string(port));
  {
    const std::lock_guard lock(parts_->mutex);
    if (const auto found = parts_->sessions.find(origin->key); found != parts_->sessions.end())
      SSL_set_session(ssl, found->second.get());
  }
  SSL_set_ex_data(ssl, Parts::index(), origin.get());
  struct Keep {
    std::shared_ptr<Parts> parts;
    std::unique_ptr<Parts::Origin> origin;
  };
  auto keep = std::make_shared<Keep>(parts_, std::move(origin));
  return std::make_unique<TlsSession>(ssl, std::move(keep));
}

base::Result<std::shared_ptr<TlsServerContext>> TlsServerContext::make(const std::string& certificate_file,
                                                                       const std::string& private_key_file) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return fail(ErrorKind::internal, "OpenSSL gave no server context", last_openssl_error());
  set_common_options(context.get());
  SSL_CTX_set_alpn_select_cb(
      context.get(),
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned in_size, void*) {
        unsigned char* chosen = nullptr;
        if (SSL_select_next_proto(&chosen, size, kAlpn, sizeof kAlpn - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
          return SSL_TLSEXT_ERR_NOACK;
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1)
    return fail(ErrorKind::invalid_configuration, "the TLS certificate could not be read from " + certificate_file,
                last_openssl_error());
  if (SSL_CTX_use_PrivateKey_file(context.get(), private_key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return fail(ErrorKind::invalid_configuration,
                "the TLS private key could not be read from " + private_key_file + " or does not fit the certificate",
                last_openssl_error());
  return std::shared_ptr<TlsServerContext>(new TlsServerContext(std::move(context)));
}

std::unique_ptr<TlsSession> TlsServerContext::make_session() {
  SSL* ssl = SSL_new(context_.get());
  if (ssl == nullptr) throw std::bad_alloc();
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsSession>(ssl, context_);
}

std::string openssl_version() { return OpenSSL_version(OPENSSL_VERSION_STRING); }

}  // namespace headworks::net
