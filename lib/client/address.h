/*
 * address: where an admin interface is, and where to look for one.
 *
 * Not for connecting (client.h).
 * Shapes: "unix:PATH", or a PATH that holds a '/'; or "http://HOST:PORT", "tcp:HOST:PORT" and
 * "HOST:PORT", where HOST is localhost (127.0.0.1) or a loopback address: a token goes there in the
 * clear, so it goes nowhere else. Names are not resolved. Places are tried in their order; only
 * "there is nothing at all" moves on to the next, so that a stopped service in this folder never
 * sends a command to another one. Errors: -EINVAL not an address, -ENAMETOOLONG longer than the
 * kernel takes, -EADDRNOTAVAIL another machine, -EPROTONOSUPPORT https. Ownership: views and copies
 * in the caller's memory. Threads: any.
 */
#ifndef TN_CLIENT_ADDRESS_H
#define TN_CLIENT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

struct tn_client_address {
    union {
        struct sockaddr sa;
        struct sockaddr_un un; /* the path is un.sun_path, terminated */
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
    bool is_tcp;
};

int tn_client_address_parse(const char *text, struct tn_client_address *ret_address);

#define TN_CLIENT_PLACES_MAX 4
#define TN_CLIENT_ENVIRONMENT "TURNOUT_ADMIN"
#define TN_CLIENT_TOKEN_ENVIRONMENT "TURNOUT_TOKEN"

enum tn_client_origin {
    TN_CLIENT_ORIGIN_OPTION,      /* --admin */
    TN_CLIENT_ORIGIN_ENVIRONMENT, /* $TURNOUT_ADMIN */
    TN_CLIENT_ORIGIN_DEFAULT
};

struct tn_client_place {
    enum tn_client_origin origin;
    const char *text; /* the address as written */
};

/*
 * option: the value of --admin, environment: that of $TURNOUT_ADMIN; each NULL or empty when not
 * given. Returns how many places there are to try: one when it was said, else the two defaults.
 */
size_t tn_client_places(const char *option, const char *environment,
                        struct tn_client_place places[TN_CLIENT_PLACES_MAX]);

#endif
