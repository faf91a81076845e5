"""How an address inside can be spelled, names that lead there, and a resolver for them that needs no network."""

import socket
from typing import Final

PUBLIC: Final = frozenset({"93.184.216.34", "2606:4700:4700::1111", "8.8.8.8"})
"""The addresses of this table that anybody may be sent to."""

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "good.example": ("93.184.216.34",),
    "six.example": ("2606:4700:4700::1111", "93.184.216.34"),
    "xn--bcher-kva.example": ("93.184.216.34",),
    "llm.internal": ("10.0.0.7",),
    "localhost": ("127.0.0.1", "::1"),
    "localhost.localdomain": ("127.0.0.1",),
    "ip6-localhost": ("::1",),
    "metadata.google.internal": ("169.254.169.254",),
    "instance-data.ec2.internal": ("169.254.169.254",),
    "169.254.169.254.nip.example": ("169.254.169.254",),
    "inward.example": ("10.1.2.3",),
    "half.example": ("93.184.216.34", "169.254.170.2"),
    "half-six.example": ("93.184.216.34", "fd00:ec2::254"),
    "mapped.example": ("::ffff:10.0.0.1",),
    "translated.example": ("64:ff9b::a9fe:a9fe",),
    "empty.example": (),
}

REFUSED: Final = (
    # Plain addresses inside, of every kind that IANA knows.
    "https://127.0.0.1/v1", "https://127.255.255.254/", "https://0.0.0.0/", "https://0.1.2.3/", "https://10.0.0.1/",
    "https://172.31.255.254/",
    "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://169.254.170.2/v2/credentials",
    "https://169.254.170.23/",
    "https://169.254.0.1/", "https://100.64.0.1/", "https://100.127.255.254/", "https://192.0.0.8/", "https://192.0.2.1/",
    "https://198.51.100.1/", "https://203.0.113.9/", "https://192.88.99.1/", "https://198.18.0.1/", "https://224.0.0.1/",
    "https://239.255.255.250/", "https://240.0.0.1/", "https://255.255.255.255/",
    # The same in other figures: decimal, hexadecimal, octal, short, padded.
    "https://2130706433/", "https://2852039166/", "https://0x7f000001/", "https://0xA9FEA9FE/", "https://017700000001/",
    "https://0251.0376.0251.0376/", "https://0xa9.0xfe.0xa9.0xfe/", "https://0xa9.254.0251.254/", "https://127.1/", "https://127.0.1/",
    "https://169.254.43518/", "https://0/", "https://0x0/", "https://00000177.0.0.1/", "https://4294967295/", "https://127.0.0.1./",
    "https://127.0.0.1../", "https://2852039166./", "https://10.0.0.1:8443/", "https://8.8.8.8.8/", "https://256.1.1.1/",
    "https://08.8.8.8/",
    "https://134744072/",
    # IPv6, and IPv4 inside it.
    "https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a9fe:a9fe]/",
    "https://[0:0:0:0:0:ffff:169.254.169.254]/", "https://[::169.254.169.254]/", "https://[::8.8.8.8]/",
    "https://[::ffff:0:169.254.169.254]/",
    "https://[64:ff9b::169.254.169.254]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b:1::808:808]/", "https://[2002:a9fe:a9fe::]/",
    "https://[2002:7f00:1::1]/", "https://[2001:0:a9fe:a9fe::]/", "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[fec0::1]/", "https://[fc00::1]/",
    "https://[fd00:ec2::254]/", "https://[fd00:ec2::23]/", "https://[ff02::1]/", "https://[ff0e::1]/", "https://[2001:db8::1]/",
    "https://[3fff::1]/", "https://[100::1]/", "https://[5f00::1]/", "https://[4000::1]/", "https://[2001:20::1]/",
    "https://[2001:10::1]/",
    "https://[v1.fe80]/", "https://[::1", "https://::1/",
    # Somebody else's name in front, behind, or beside.
    "https://good.example@169.254.169.254/", "https://good.example:443@169.254.169.254/", "https://user:pass@good.example/",
    "https://@good.example/x@127.0.0.1",
    "https://good.example\\@169.254.169.254/", "https://169.254.169.254\\@good.example/", "https://169.254.169.254#@good.example/",
    "https://169.254.169.254?@good.example/", "https://good.example%40169.254.169.254/", "https://good.example%2f@127.0.0.1/",
    "https://127.0.0.1%2f.good.example/", "https://%31%32%37.0.0.1/", "https://good.example%00.internal/", "https://good.example:443:80/",
    # Characters that one reader drops and another does not.
    "https://169.254\t.169.254/", "https://169.254.169.254\n/", " https://127.0.0.1/", "https:// 127.0.0.1/",
    "https://good.example\r\nHost: x/",
    "https://good.example/\x00", "https://good\u00adexample\u200b.internal/",
    # Figures and full stops of other alphabets, which names are mapped from.
    "https://①②⑦.⓪.⓪.①/", "https://１６９.２５４.１６９.２５４/", "https://169。254。169。254/", "https://169．254．169．254/",  # noqa: RUF001
    "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "https://gооd.example/", "https://bücher.example/", "https://٢١٣٠٧٠٦٤٣٣/",  # noqa: RUF001
    # Names that lead inside, one bad address among good ones, none at all.
    "https://localhost/", "https://LOCALHOST./", "https://localhost.localdomain/", "https://ip6-localhost/",
    "https://metadata.google.internal/",
    "https://instance-data.ec2.internal/", "https://169.254.169.254.nip.example/", "https://inward.example/", "https://half.example/",
    "https://half-six.example/", "https://mapped.example/", "https://translated.example/", "https://empty.example/",
    "https://unknown.example/",
    "https://llm.internal.evil.example/", "https://evil-llm.internal/",
    "https://" + "a" * 64 + ".example/", "https://" + "a." * 200 + "example/", "https://good..example/",
    # Other ways to speak, and none.
    "http://good.example/", "http://93.184.216.34/", "ftp://good.example/", "file:///etc/passwd", "file://good.example/etc/passwd",
    "gopher://good.example/", "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/", "data:text/plain,x",
    "javascript:alert(1)",
    "jar:https://good.example!/", "//good.example/", "good.example", "good.example:443", "https:good.example", "https:/good.example/",
    "https://",
    "https:///v1", "https://:443/", "https://good.example:99999/", "https://good.example:-1/", "https://good.example:port/",
    "https://good.example/v1?api-version=1", "https://good.example/v1#x", "",
)  # fmt: skip
"""Refused when a model is registered with it."""

TAKEN: Final = (
    "https://good.example/v1", "https://GOOD.example/v1", "https://good.example./v1", "https://good.example:443/v1",
    "https://good.example:8443",
    "https://six.example/v1", "https://93.184.216.34/v1", "https://[2606:4700:4700::1111]/v1", "https://xn--bcher-kva.example/v1",
    "https://[64:ff9b::808:808]/v1", "https://llm.internal/v1", "http://llm.internal:8000/v1", "https://LLM.internal./v1",
)  # fmt: skip
"""Public addresses however they are written, and hosts that the environment lists."""


def resolve(host: str, _port: int) -> list[str]:
    """What a resolver makes of a host: figures as the C library reads them, names by the table, others unknown (OSError)."""
    name = host.encode("idna").decode().lower().rstrip(".") if not host.isascii() else host.lower().rstrip(".")
    if name in NAMES:
        return list(NAMES[name])
    found = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(entry[4][0]) for entry in found]
