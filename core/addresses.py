"""What may be said of a URL that holds a password: that it cannot be used, and why, in words that hold nothing of it."""

from urllib.parse import parse_qs, urlsplit

#: Options of a URL under which TLS would be spoken to anybody, and what to write instead.
_UNVERIFIED = {
    "sslmode": ({"allow", "prefer", "require"}, "sslmode=verify-full, with sslrootcert=system or your own certificate's file"),
    "ssl_cert_reqs": ({"none", "optional"}, "ssl_cert_reqs=required, with ssl_ca_certs and your own certificate's file where it is one"),
    "ssl_check_hostname": ({"false", "no", "0", "off"}, "ssl_check_hostname=true"),
}


def objection(url: str) -> str | None:
    """Why the address cannot be used; None: it can be tried."""
    try:
        parts = urlsplit(url)
        well = bool(parts.scheme) and (parts.port is None or parts.netloc != "") and parts.netloc.count("@") <= 1
    except ValueError:  # its text would hold what stands where the port should be
        well = False
    if not well or "@" in parts.path + parts.query + parts.fragment:
        return "give NAME://USER:PASSWORD@HOST:PORT/DATABASE, with what is no letter and no digit of the password as %XX"
    for option, values in parse_qs(parts.query, keep_blank_values=True).items():
        refused, instead = _UNVERIFIED.get(option.lower(), (set(), ""))
        if {value.lower() for value in values} & refused:
            return f"its {option} would speak TLS without looking at who answers: write {instead}"
    return None
