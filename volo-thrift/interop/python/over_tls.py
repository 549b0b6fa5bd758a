"""Runs a program of Apache's test, which is older than the library: over_tls.py PROGRAM ARGUMENT...

The library has checked certificates since, so its sockets have to be told whom to trust.
"""

import os
import runpy
import ssl
import sys

from thrift.transport import TSSLSocket

make, make_server = TSSLSocket.TSSLSocket.__init__, TSSLSocket.TSSLServerSocket.__init__


def trusting(self, host, port, validate):
    make(self, host, port, ca_certs=os.path.join(os.environ["THRIFT_TEST_KEYS"], "CA.pem"))


def open_to_all(self, host, port, certfile):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # the default one is a client's
    context.load_cert_chain(certfile)
    make_server(self, host, port, ssl_context=context)


TSSLSocket.TSSLSocket.__init__, TSSLSocket.TSSLServerSocket.__init__ = trusting, open_to_all
del sys.argv[0]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
