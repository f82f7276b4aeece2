#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace persona::host::net::testing {

/// A certificate authority of a test: files in a directory of its own, gone with it.
class TestCa {
  public:
    struct Files {
        std::string certificate, key;
    };
    TestCa() {
        char pattern[] = "/tmp/persona-ca-XXXXXX";
        dir_ = ::mkdtemp(pattern);
        key_ = newKey();
        certificate_ = build("Test CA", {}, -3600, 3600, key_.get(), nullptr, true);
        ca_file = write("ca.pem", certificate_.get(), nullptr);
    }
    ~TestCa() { std::filesystem::remove_all(dir_); }
    TestCa(const TestCa&) = delete;
    TestCa& operator=(const TestCa&) = delete;

    /// `names`: "DNS:a.example" or "IP:127.0.0.1"; times in seconds from now.
    Files issue(const std::vector<std::string>& names, long from = -3600, long until = 3600) {
        const auto key = newKey();
        const auto cert = build("leaf", names, from, until, key.get(), certificate_.get(), false);
        const auto n = std::to_string(++count_);
        Files files;
        files.certificate = write("leaf" + n + ".pem", cert.get(), nullptr);
        files.key = write("leaf" + n + ".key", nullptr, key.get());
        return files;
    }
    std::string ca_file;

  private:
    using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
    using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;

    static Key newKey() { return {::EVP_EC_gen("P-256"), ::EVP_PKEY_free}; }

    Certificate build(const char* name, const std::vector<std::string>& names, long from,
                      long until, EVP_PKEY* key, X509* issuer, bool ca) {
        Certificate cert(::X509_new(), ::X509_free);
        ::X509_set_version(cert.get(), 2);
        ::ASN1_INTEGER_set(::X509_get_serialNumber(cert.get()), ++count_);
        ::X509_gmtime_adj(::X509_getm_notBefore(cert.get()), from);
        ::X509_gmtime_adj(::X509_getm_notAfter(cert.get()), until);
        ::X509_set_pubkey(cert.get(), key);
        auto* subject = ::X509_get_subject_name(cert.get());
        ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
        ::X509_set_issuer_name(cert.get(),
                               issuer == nullptr ? subject : ::X509_get_subject_name(issuer));
        add(cert.get(), NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
        std::string alternatives;
        for (const auto& n : names) alternatives += (alternatives.empty() ? "" : ",") + n;
        if (!names.empty()) add(cert.get(), NID_subject_alt_name, alternatives.c_str());
        EXPECT_GT(::X509_sign(cert.get(), issuer == nullptr ? key : key_.get(), ::EVP_sha256()), 0);
        return cert;
    }
    static void add(X509* cert, int nid, const char* value) {
        X509V3_CTX context{};
        auto* extension = ::X509V3_EXT_conf_nid(nullptr, &context, nid, value);
        ASSERT_NE(extension, nullptr) << value;
        ::X509_add_ext(cert, extension, -1);
        ::X509_EXTENSION_free(extension);
    }
    std::string write(const std::string& name, X509* cert, EVP_PKEY* key) {
        std::string file = dir_ + "/" + name;
        auto* out = std::fopen(file.c_str(), "w");
        EXPECT_NE(out, nullptr) << file;
        if (cert != nullptr) ::PEM_write_X509(out, cert);
        if (key != nullptr) ::PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(out);
        return file;
    }
    std::string dir_;
    Key key_{nullptr, ::EVP_PKEY_free};
    Certificate certificate_{nullptr, ::X509_free};
    int count_ = 0;
};

}  // namespace persona::host::net::testing
