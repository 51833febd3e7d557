/*
 * fixture: a snapshot made by hand, and requests made of text.
 *
 * Not for tests of the configuration or the parser: nothing here goes through them.
 * Shapes: three versions, blue, green and red, of four endpoints each, all up; rules are added one
 * by one and match everything unless a match is added. Randomness is seeded. Ownership:
 * fixture_deinit frees all.
 */
#ifndef TESTS_UNIT_ROUTE_FIXTURE_H
#define TESTS_UNIT_ROUTE_FIXTURE_H

#include "proxy/route/cookie.h"
#include "proxy/route/route.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BLUE, GREEN, RED, VERSIONS };

#define FIXTURE_RULES 4
#define FIXTURE_MATCHES 4
#define FIXTURE_ENDPOINTS 4
#define FIXTURE_KEY "0123456789abcdef0123456789abcdef"

struct fixture {
    struct px_snapshot snapshot;
    struct px_limits limits; /* of the queue only */
    struct px_snapshot_version versions[VERSIONS];
    struct px_endpoint endpoints[VERSIONS][FIXTURE_ENDPOINTS];
    struct px_endpoint *lists[VERSIONS][FIXTURE_ENDPOINTS];
    struct px_snapshot_rule rules[FIXTURE_RULES];
    struct px_rule said[FIXTURE_RULES];
    struct px_match matches[FIXTURE_RULES][FIXTURE_MATCHES];
    struct px_deal deals[FIXTURE_RULES];
    struct px_deal mirror_deals[FIXTURE_RULES][PX_MIRRORS_MAX];
    struct px_cookie_keys *keys;
    struct px_route_loop loop;
    struct sockaddr_storage client; /* 192.0.2.7 */
    struct tn_http_head head;
    char text[20000];
    struct px_route_request request;
    struct px_decision decision;
    char told[8192]; /* lines of explain */
};

struct fixture *fixture_new(void);
void fixture_free(struct fixture *fixture);

/* Adds a rule with these weights; its number. A version whose weight is 0 stays in the list. */
uint32_t fixture_rule(struct fixture *fixture, const char *name, uint32_t blue, uint32_t green,
                      uint32_t red);

/* The weights of a rule that exists, as a new revision with the same seed would have them. */
void fixture_weights(struct fixture *fixture, uint32_t rule, uint32_t blue, uint32_t green,
                     uint32_t red);

/* Makes the rule sticky by our cookie "turnout"; is_signed: with FIXTURE_KEY. */
void fixture_sticky(struct fixture *fixture, uint32_t rule, bool is_signed);

/* Adds a mirror to the rule: GET and HEAD, bodies up to 1000 bytes. */
struct px_mirror *fixture_mirror(struct fixture *fixture, uint32_t rule, uint32_t to, uint32_t ppm);

/* Adds a match to the rule. */
struct px_match *fixture_match(struct fixture *fixture, uint32_t rule);

/* A value to compare with, compiled if it is a regex. */
struct px_match_value fixture_value(enum px_match_kind kind, const char *name, const char *text);

/* Reads "GET /path?query HTTP/1.1\r\nName: value\r\n..." into fixture->head. */
void fixture_request(struct fixture *fixture, const char *text);

/* Decides the request that was read last, or with explain into fixture->told. */
const struct px_decision *fixture_decide(struct fixture *fixture);
const struct px_decision *fixture_explain(struct fixture *fixture);

/* The cookie pair of the last decision as a request with it: "GET / ...Cookie: turnout=...". */
void fixture_request_with_cookie(struct fixture *fixture, const struct px_decision *decision);

#endif
