// The verb of `aeon` that makes certificates.

#include "cli/invocation.h"
#include "runtime/system.h"
#include "tls/certificates.h"

namespace aeon::cli {
namespace {

Status certs(Invocation& invocation) {
  invocation.note_system_use();
  const std::string path = invocation.text("DIR");
  tls::CertificateOptions options;
  if (invocation.has("--days")) {
    TRY_ASSIGN(const uint64_t days, invocation.number("--days"));
    if (days == 0 || days > static_cast<uint64_t>(tls::kCertificateDaysMax)) {
      return Status(Code::kInvalidArgument, fmt::format("--days is 1 to {}", tls::kCertificateDaysMax));
    }
    options.valid_days = static_cast<int64_t>(days);
  }
  TRY_ASSIGN(Directory directory, Directory::open(path, true));
  TRY_ASSIGN(const tls::MadeCertificates made, tls::make_certificates(directory, SystemClock(), options));
  Output& output = invocation.output();
  output.response()["directory"] = path;
  output.response()["new_ca"] = made.has_new_ca;
  output.response()["valid_days"] = options.valid_days;
  output.remark("{} in {}, valid for {}.", made.has_new_ca ? "Made a CA and certificates" : "Renewed the certificates",
                path, count_text(static_cast<uint64_t>(options.valid_days), "day", "days"));
  output.remark("");
  output.remark("  servers need   ca.crt server.crt server.key   aeon up --listen tls:HOST:PORT --certs {}", path);
  output.remark("  clients need   ca.crt client.crt client.key   export AEON_SYSTEM=tls:HOST:PORT AEON_CERTS={}", path);
  output.remark("  ca.key         makes more of them: keep it where only you can read it");
  return ok();
}

}  // namespace

std::vector<Verb> certificate_verbs() {
  return {
      {.group = "",
       .name = "certs",
       .aliases = {},
       .summary = "make certificates for tls: addresses",
       .description =
           "Makes a private CA in DIR and certificates for servers and clients; where there is one already, new "
           "certificates of it, which is how they are renewed. Copy to each machine what it needs, and the CA's key "
           "(ca.key) to none. Who has a server's certificate may serve, who has a client's may use what is served.",
       .arguments = {{.name = "DIR", .help = "where they go; made if it isn't there", .completes = Completes::kFile}},
       .options = {{.name = "--days",
                    .value = "DAYS",
                    .help = "how long servers' and clients' certificates are valid; 730 unless said otherwise"}},
       .run = certs},
  };
}

}  // namespace aeon::cli
