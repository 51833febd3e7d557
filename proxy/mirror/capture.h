/*
 * capture: what is kept of one answer until it can be compared with another.
 *
 * Private to proxy/mirror. Shapes: the head as a copy; the body up to compare_body bytes, and
 * beyond that its hash and length only (with keeps_start its first compare_body bytes as well).
 * What it holds is charged to the process's mirror memory; where that is used up, hash and length
 * are what is left, and if not even these can be had the capture is lost. Units: bytes. Errors:
 * none to the caller. Ownership: px_capture_deinit. Threads: the loop's while bytes come; any one
 * while it is read.
 */
#ifndef PX_MIRROR_CAPTURE_H
#define PX_MIRROR_CAPTURE_H

#include "lib/http/message.h"
#include "proxy/compare/compare.h"

struct px_mirrors;

/* Beginning of a body that is too large to be kept: enough to see that it is no JSON. */
#define PX_CAPTURE_START_BYTES 64

struct px_capture {
    struct px_mirrors *mirrors;
    struct tn_http_head *head; /* and its bytes behind it; NULL: none came */
    char *body;
    uint32_t len, size;    /* of body */
    void *hash;            /* XXH3 state, once the body is too large to be kept */
    uint64_t body_len;     /* of all that came */
    uint64_t body_hash[2]; /* after px_capture_end() */
    uint64_t charged;
    bool is_whole; /* the message ended as it should */
    bool is_cut;   /* body is not all of it */
    bool is_out_of_memory;
    bool keeps_start; /* the caller's: the beginning of a large body is wanted, too */
};

void px_capture_init(struct px_capture *capture, struct px_mirrors *mirrors);
void px_capture_deinit(struct px_capture *capture);

void px_capture_head(struct px_capture *capture, const struct tn_http_head *head);
void px_capture_body(struct px_capture *capture, const struct tn_str *pieces, unsigned count);

/* The message is complete. */
void px_capture_end(struct px_capture *capture);

/* An answer as the core wants it: views of the capture, of `headers` and of `memory`. */
struct px_capture_view {
    struct tn_str headers[PX_COMPARE_HEADERS_MAX];
    char *memory; /* of fields that are there more than once */
    struct px_compare_answer answer;
};

/* False: no memory. Else px_capture_view_deinit() follows. */
bool px_capture_view(const struct px_capture *capture, const struct px_compare *compare,
                     struct px_capture_view *ret_view);
void px_capture_view_deinit(struct px_capture_view *view);

#endif
