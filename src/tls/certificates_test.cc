#include "tls/certificates.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "identities_test.h"

namespace aeon::tls {
namespace {

class CertificateFiles : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "certificates_test_" + std::to_string(getpid());
    std::filesystem::remove_all(path_);
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  Result<MadeCertificates> make(CertificateOptions options = {}) {
    TRY_ASSIGN(Directory directory, Directory::open(path_, true));
    return make_certificates(directory, now_, options);
  }
  Status load(Role role, int64_t at_unix_s = kTestNow_s) {
    return Identity::load(path_, role, FixedClock(at_unix_s)).status();
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  void copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, file(to), std::filesystem::copy_options::overwrite_existing);
  }
  void expect_refused(const Status& status, const std::string& saying) {
    EXPECT_NE(status.message().find(saying), std::string_view::npos) << status.to_string();
  }

  std::string path_;
  const FixedClock now_{kTestNow_s};
};

TEST_F(CertificateFiles, ServeBothRolesAndAreForTheirOwnerOnly) {
  const Result<MadeCertificates> made = make();
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_TRUE(made->has_new_ca);
  EXPECT_TRUE(load(Role::kServer).is_ok()) << load(Role::kServer).to_string();
  EXPECT_TRUE(load(Role::kClient).is_ok()) << load(Role::kClient).to_string();
  for (const char* const name : {"ca.crt", "ca.key", "server.crt", "server.key", "client.crt", "client.key"}) {
    struct stat found{};
    ASSERT_EQ(::stat(file(name).c_str(), &found), 0) << name;
    EXPECT_EQ(found.st_mode & 0777u, 0600u) << name;
  }
}

TEST_F(CertificateFiles, AreRenewedByTheSameAuthority) {
  ASSERT_TRUE(make({.valid_days = 1}).is_ok());
  const Directory directory = std::move(Directory::open(path_, false)).value();
  const Bytes ca = *directory.read_file("ca.crt"), server = *directory.read_file("server.crt");
  const Result<MadeCertificates> again = make({.valid_days = 100});
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  EXPECT_FALSE(again->has_new_ca);
  EXPECT_EQ(*directory.read_file("ca.crt"), ca);
  EXPECT_NE(*directory.read_file("server.crt"), server);
  EXPECT_TRUE(load(Role::kServer, kTestNow_s + 99 * kTestDay_s).is_ok());
}

TEST_F(CertificateFiles, CantBeMadeWithoutTheAuthoritysKey) {
  ASSERT_TRUE(make().is_ok());
  std::filesystem::remove(file("ca.key"));
  expect_refused(make().status(), "without its key (ca.key)");
}

TEST_F(CertificateFiles, OfOthersAreLeftAlone) {
  ASSERT_TRUE(Directory::open(path_, true).is_ok());
  Directory directory = std::move(Directory::open(path_, false)).value();
  ASSERT_TRUE(directory.replace_file("server.key", as_bytes("precious")).is_ok());
  const Status status = make().status();
  EXPECT_EQ(status.code(), Code::kExists);
  expect_refused(status, file("server.key"));
  EXPECT_EQ(as_text(*directory.read_file("server.key")), "precious");
  EXPECT_EQ(directory.list()->size(), 1u);
}

TEST_F(CertificateFiles, DontOutliveTheirAuthority) {
  const Authority authority = make_authority();
  const Result<CertificateAndKey> pem =
      authority.issue(Role::kServer, {.from_unix_s = kTestNow_s, .until_unix_s = kTestNow_s + 10'000 * kTestDay_s});
  ASSERT_TRUE(pem.is_ok());
  const Result<Identity> identity = Identity::of(authority.pem().certificate, *pem, Role::kServer, now_, "certs");
  ASSERT_TRUE(identity.is_ok());
  EXPECT_EQ(identity->valid_until_unix_s(), kWholeYear.until_unix_s);
  expect_refused(
      authority.issue(Role::kServer, {.from_unix_s = kWholeYear.until_unix_s + 1, .until_unix_s = INT64_MAX}).status(),
      "the CA expired on Jan  1 00:00:00 2027 GMT");
}

TEST_F(CertificateFiles, OutsideTheirTimeSayWhatToDo) {
  ASSERT_TRUE(make({.valid_days = 10}).is_ok());
  const Status late = load(Role::kServer, kTestNow_s + 11 * kTestDay_s);
  EXPECT_EQ(late.code(), Code::kPermission);
  expect_refused(late, "server.crt expired on Jan 11 00:00:00 2026 GMT; renew it with 'aeon certs'");
  expect_refused(load(Role::kClient, kTestNow_s - kTestDay_s), "is the clock of this machine right?");
}

TEST_F(CertificateFiles, OfAnotherAuthorityAreRefused) {
  ASSERT_TRUE(make().is_ok());
  const std::string other = path_ + ".other";
  std::filesystem::rename(path_, other);
  ASSERT_TRUE(make().is_ok());
  copy(other + "/server.crt", "server.crt");
  expect_refused(load(Role::kServer), "server.key isn't the key of");
  copy(other + "/server.key", "server.key");
  expect_refused(load(Role::kServer), "isn't of the CA in " + file("ca.crt"));
  std::filesystem::remove_all(other);
}

TEST_F(CertificateFiles, OfAClientDontServe) {
  ASSERT_TRUE(make().is_ok());
  copy(file("client.crt"), "server.crt");
  copy(file("client.key"), "server.key");
  expect_refused(load(Role::kServer), "is no server's certificate");
}

TEST_F(CertificateFiles, ThatAreMissingOrNoneAreNamed) {
  expect_refused(load(Role::kServer), path_);
  ASSERT_TRUE(make().is_ok());
  std::filesystem::remove(file("client.key"));
  const Status missing = load(Role::kClient);
  EXPECT_EQ(missing.code(), Code::kNotFound);
  expect_refused(missing, "no client.key in " + path_);
  std::filesystem::resize_file(file("ca.crt"), 40);
  expect_refused(load(Role::kServer), "ca.crt has no certificate");
}

TEST_F(CertificateFiles, AKeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(make().is_ok());
  std::filesystem::permissions(file("server.key"), std::filesystem::perms(0644));
  const Status open = load(Role::kServer);
  EXPECT_EQ(open.code(), Code::kPermission);
  expect_refused(open, "'chmod 600 " + file("server.key") + "'");
  std::filesystem::permissions(file("server.key"), std::filesystem::perms(0640));
  EXPECT_TRUE(load(Role::kServer).is_ok());
  if (geteuid() == 0) return;  // Root reads anything.
  std::filesystem::permissions(file("server.key"), std::filesystem::perms(0));
  EXPECT_EQ(load(Role::kServer).code(), Code::kPermission);
}

}  // namespace
}  // namespace aeon::tls
