"""TLS towards a registered database: connect to the checked IP, verify the name the person gave."""

import ssl
from typing import Any

from tools.connectors.base import Address
from tools.errors import Invalid


class NamedContext(ssl.SSLContext):
    """A client context that announces and verifies `name`, whatever address the driver connected to."""

    name: str

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Start TLS with our server name in place of the driver's (which is the IP)."""
        kwargs["server_hostname"] = self.name
        return super().wrap_bio(incoming, outgoing, *args, **kwargs)


def context_for(address: Address) -> NamedContext | None:
    """Build the context an address asks for; None for `disable` and for local sockets.

    `prefer` and `require` encrypt without asking who answers, unless an authority is given: then `require`
    checks the certificate, and `verify-full` the name too. Raises Invalid for CA text that is not PEM.
    """
    if address.tls == "disable" or address.host.startswith("/"):
        return None
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = address.host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    verified = address.tls == "verify-full" or (address.tls == "require" and address.tls_ca is not None)
    context.check_hostname = address.tls == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    if verified and address.tls_ca is None:
        context.load_default_certs()
    if verified and address.tls_ca is not None:
        try:
            context.load_verify_locations(cadata=address.tls_ca)
        except (ssl.SSLError, ValueError):
            raise Invalid("The CA is not a PEM certificate; it begins with -----BEGIN CERTIFICATE-----.") from None
    return context
