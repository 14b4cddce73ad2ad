#include "vault/sealer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace headworks::vault {
namespace {

using testing::HasSubstr;

constexpr SealContext kPlace{"backends", "api_key", "bkd_1", "https://api.example:443"};
constexpr std::string_view kClear = "sk-vector-0123456789";

KeyRing::KeyBytes key_of(std::uint8_t first) {
  KeyRing::KeyBytes bytes{};
  for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<std::uint8_t>(first + at);
  return bytes;
}

std::string opened(const Sealer& sealer, std::string_view sealed, const SealContext& place = kPlace) {
  const auto secret = sealer.open(place, sealed);
  if (secret) return std::string(secret->reveal());
  EXPECT_EQ(secret.error().kind, base::ErrorKind::key_unreadable);
  EXPECT_THAT(secret.error().message, testing::Not(HasSubstr("sk-")));
  return "refused";
}

// Everything holds on a CPU with AES and on one without.
class SealerOnEveryCpu : public testing::TestWithParam<Sealer::Cpu> {
 protected:
  const Sealer sealer_{KeyRing::make({key_of(0)}), GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Cpus, SealerOnEveryCpu,
                         testing::Values(Sealer::Cpu::as_it_is, Sealer::Cpu::without_aes),
                         [](const auto& cpu) {
                           return cpu.param == Sealer::Cpu::as_it_is ? "AsItIs" : "WithoutAes";
                         });

TEST_P(SealerOnEveryCpu, OpensWhatItSealed) {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  for (const std::string& clear :
       {std::string(), std::string("x"), std::string(31, 'a'), std::string(32, 'b'), std::string(33, 'c'),
        std::string(4096, 'd'), every_byte, std::string(5, '\x80'), std::string("\x80\0\0", 3)}) {
    const std::string sealed = sealer_.seal(kPlace, clear);
    EXPECT_TRUE(Sealer::is_sealed(sealed));
    EXPECT_EQ(opened(sealer_, sealed), clear);
  }
}

TEST_P(SealerOnEveryCpu, ReadsWhatOthersWrote) {
  // Made with Python's `cryptography` (AESGCM; ChaCha20Poly1305 behind an HChaCha20), from the description in
  // sealer.hpp alone.
  EXPECT_EQ(opened(sealer_,
                   "hwe1:SFdFMQEAAAAAAWRlZmdoaWprbG1ub3CcanHo7VmOMfa8RKfM5nmMqQZVpSEVmfbwN"
                   "4w8RnVh+Sz48wnm7CpV/qV4cT20dg=="),
            kClear);
  EXPECT_EQ(opened(sealer_,
                   "hwe1:SFdFMQIAAAAAAWRlZmdoaWprbG1ub3BxcnN0dXZ3eHl6exznF8J4McZ3uHFLFBcgi"
                   "rHWqoO4P93uhV9K8ZDLo/GYFgJ2NQSwDYGm1KodIyqhXg=="),
            kClear);
}

TEST_P(SealerOnEveryCpu, TheOtherKindOfCpuReadsIt) {
  const Sealer with(KeyRing::make({key_of(0)}), Sealer::Cpu::as_it_is);
  const Sealer without(KeyRing::make({key_of(0)}), Sealer::Cpu::without_aes);
  const std::string sealed = sealer_.seal(kPlace, kClear);
  EXPECT_EQ(opened(with, sealed), kClear);
  EXPECT_EQ(opened(without, sealed), kClear);
}

TEST_P(SealerOnEveryCpu, IsBoundToItsPlace) {
  const std::string sealed = sealer_.seal(kPlace, kClear);
  const auto elsewhere = [&](auto change) {
    SealContext place = kPlace;
    change(place);
    return opened(sealer_, sealed, place);
  };
  EXPECT_EQ(elsewhere([](SealContext& place) { place.row_id = "bkd_2"; }), "refused") << "row swap";
  EXPECT_EQ(elsewhere([](SealContext& place) { place.column = "label"; }), "refused") << "column swap";
  EXPECT_EQ(elsewhere([](SealContext& place) { place.table = "pools"; }), "refused");
  EXPECT_EQ(elsewhere([](SealContext& place) { place.origin = "https://evil.example:443"; }), "refused")
      << "an edited origin must not be sent the key";
  EXPECT_EQ(elsewhere([](SealContext& place) { place.origin = "http://api.example:443"; }), "refused");
  EXPECT_EQ(elsewhere([](SealContext& place) { place.table = "backendsapi_", place.column = "key"; }),
            "refused")
      << "the parts cannot run into each other";
}

TEST_P(SealerOnEveryCpu, ABitFlippedAnywhereIsRefused) {
  const std::string sealed = sealer_.seal(kPlace, kClear);
  for (std::size_t at = 0; at < sealed.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = sealed;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      EXPECT_EQ(opened(sealer_, flipped), "refused") << at << " bit " << bit;
    }
}

TEST_P(SealerOnEveryCpu, ABitFlippedInAnyByteOfTheEnvelopeIsRefused) {
  const Envelope envelope = parse_envelope(sealer_.seal(kPlace, kClear)).value();
  const auto refused = [&](const Envelope& damaged) { return opened(sealer_, format_envelope(damaged)); };
  EXPECT_EQ(refused(envelope), kClear);
  for (std::size_t at = 0; at < envelope.nonce.size(); ++at) {
    Envelope damaged = envelope;
    damaged.nonce[at] ^= 1;
    EXPECT_EQ(refused(damaged), "refused") << "nonce " << at;
  }
  for (std::size_t at = 0; at < envelope.cipher.size(); ++at) {
    Envelope damaged = envelope;
    damaged.cipher[at] ^= 1;
    EXPECT_EQ(refused(damaged), "refused") << "cipher " << at;
  }
  Envelope damaged = envelope;
  damaged.kid = 2;
  EXPECT_EQ(refused(damaged), "refused");
  for (const int algorithm : {0, 1, 2, 3, 255}) {
    damaged = envelope;
    damaged.algorithm = static_cast<Algorithm>(algorithm);
    EXPECT_EQ(refused(damaged), damaged.algorithm == envelope.algorithm ? kClear : "refused") << algorithm;
  }
}

TEST_P(SealerOnEveryCpu, ATextCutAnywhereIsRefused) {
  const std::string sealed = sealer_.seal(kPlace, kClear);
  for (std::size_t size = 5; size < sealed.size(); ++size)
    EXPECT_EQ(opened(sealer_, sealed.substr(0, size)), "refused") << size;
  EXPECT_EQ(opened(sealer_, sealed + "AAAA"), "refused");
  EXPECT_EQ(opened(sealer_, sealed + " "), "refused");
}

TEST_P(SealerOnEveryCpu, AnotherMasterKeyIsRefusedAndTold) {
  const Sealer stranger(KeyRing::make({key_of(1)}), GetParam());
  const std::string sealed = sealer_.seal(kPlace, kClear);
  EXPECT_EQ(opened(stranger, sealed), "refused");
  EXPECT_TRUE(sealer_.opens(sealer_.make_check()));
  EXPECT_FALSE(stranger.opens(sealer_.make_check()));
  EXPECT_FALSE(sealer_.opens("headworks master key check")) << "a check that was never sealed proves nothing";
  EXPECT_FALSE(sealer_.opens(sealed));
  EXPECT_FALSE(sealer_.opens(""));
}

TEST_P(SealerOnEveryCpu, ANonceIsNeverUsedTwiceAndTheLengthTellsNothing) {
  std::set<std::string> nonces;
  for (int turn = 0; turn < 10'000; ++turn)
    EXPECT_TRUE(nonces.insert(parse_envelope(sealer_.seal(kPlace, kClear)).value().nonce).second);
  EXPECT_EQ(sealer_.seal(kPlace, "").size(), sealer_.seal(kPlace, std::string(31, 'x')).size());
  EXPECT_LT(sealer_.seal(kPlace, "").size(), sealer_.seal(kPlace, std::string(32, 'x')).size());
}

TEST(Sealer, ACpuWithoutAesWritesTheOtherAlgorithm) {
  const Sealer sealer(KeyRing::make({key_of(0)}), Sealer::Cpu::without_aes);
  EXPECT_EQ(sealer.algorithm(), Algorithm::xchacha20_poly1305);
  EXPECT_EQ(parse_envelope(sealer.seal(kPlace, kClear)).value().algorithm, Algorithm::xchacha20_poly1305);
}

TEST(Sealer, TheOtherAlgorithmCanBeWantedOnACpuWithAes) {
  const Sealer sealer(KeyRing::make({key_of(0)}));
  const std::string sealed = sealer.seal(kPlace, kClear, Algorithm::xchacha20_poly1305);
  EXPECT_EQ(parse_envelope(sealed).value().algorithm, Algorithm::xchacha20_poly1305);
  EXPECT_EQ(opened(sealer, sealed), kClear);
  const Sealer without(KeyRing::make({key_of(0)}), Sealer::Cpu::without_aes);
  EXPECT_EQ(opened(without, sealed), kClear);
  EXPECT_EQ(without.algorithm(Algorithm::aes_256_gcm), Algorithm::xchacha20_poly1305) << "it cannot be forced there";
  for (const std::string_view name : algorithm_names()) EXPECT_EQ(name_of(find_algorithm(name).value()), name);
  EXPECT_EQ(find_algorithm("rot13"), std::nullopt);
}

TEST(Sealer, WritesWithTheNewestKeyAndReadsAll) {
  const Sealer before(KeyRing::make({key_of(0)})), after(KeyRing::make({key_of(0), key_of(9)}));
  const std::string old = before.seal(kPlace, kClear), fresh = after.seal(kPlace, kClear);
  EXPECT_EQ(Sealer::find_kid(old), 1u);
  EXPECT_EQ(Sealer::find_kid(fresh), 2u);
  EXPECT_EQ(opened(after, old), kClear);
  EXPECT_EQ(opened(after, fresh), kClear);
  EXPECT_EQ(opened(before, fresh), "refused");
  EXPECT_THAT(before.open(kPlace, fresh).error().message, HasSubstr("not in the ring"));
}

TEST(Sealer, WhatWasWrittenBeforeEncryptionIsAnsweredAsItIs) {
  const Sealer sealer(KeyRing::make({key_of(0)}));
  for (const char* legacy : {"", "sk-old-key", "nvapi-1:2", "hwe", "hwe1", "HWE1:AAAA"}) {
    EXPECT_FALSE(Sealer::is_sealed(legacy));
    EXPECT_EQ(opened(sealer, legacy), legacy);
    EXPECT_EQ(Sealer::find_kid(legacy), std::nullopt);
  }
}

}  // namespace
}  // namespace headworks::vault
