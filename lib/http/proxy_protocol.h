/*
 * proxy_protocol: the line or block by which a load balancer says whose connection it hands on.
 *
 * Not for requests: it stands before the first byte of HTTP. No I/O.
 * Shapes: version 1 is a text line of at most 107 bytes, version 2 a binary block; both are told
 * apart by their first bytes. Additional fields of version 2 (TLVs) are skipped. Errors: -EBADMSG:
 * neither, or malformed: the connection is to be closed without an answer, as the specification
 * says. -EAGAIN: more bytes are needed. Ownership: none. Threads: any. Source: The PROXY protocol,
 * versions 1 & 2 (HAProxy, doc/proxy-protocol.txt).
 */
#ifndef TN_HTTP_PROXY_PROTOCOL_H
#define TN_HTTP_PROXY_PROTOCOL_H

#include "lib/base/str.h"

#include <netinet/in.h>

#define TN_PROXY_HEADER_MAX 2048 /* what of version 2 is accepted, TLVs included */

struct tn_proxy_header {
    size_t len;              /* bytes that it takes; HTTP starts behind them */
    bool has_address;        /* false: LOCAL or UNKNOWN, the connection speaks for itself */
    struct in6_addr address; /* of the client; IPv4 as mapped */
};

/* 0, -EAGAIN or -EBADMSG. */
int tn_proxy_header_parse(struct tn_str bytes, struct tn_proxy_header *ret_header);

#endif
