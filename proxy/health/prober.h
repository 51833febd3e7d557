/*
 * prober: one endpoint's probes: when, how, and what their results mean.
 *
 * Private to proxy/health. Shapes: prober.c sends and reads one probe at a time; verdict.c counts
 * results. Ownership: the health's list until the stream's on_closed after close. Threads: control.
 */
#ifndef PX_HEALTH_PROBER_H
#define PX_HEALTH_PROBER_H

#include "lib/http/parser.h"
#include "lib/net/deadline.h"
#include "lib/net/stream.h"
#include "proxy/health/ejection.h"
#include "proxy/health/health.h"

#define PX_HEALTH_DETAIL_SIZE 96
#define PX_HEALTH_HEAD_MAX 16384 /* of the answer to a probe */
#define PX_HEALTH_AGAIN_MS 100   /* after a first probe that could not be made */
#define PX_HEALTH_BODY_MAX 65536 /* read and thrown away, so that the peer can end in peace */

/* Results in a row, and what they make of an endpoint. */
struct px_health_verdict {
    bool is_probed;
    bool is_up;
    uint32_t successes;
    uint32_t failures;
};

/* One result more. True: is_up changed, or is known for the first time. */
bool px_health_judge(struct px_health_verdict *verdict, bool ok, uint32_t up_after,
                     uint32_t down_after);

/* How long after its start the next probe starts. random: 64 random bits. */
uint64_t px_health_pause_ms(uint64_t interval_ms, bool is_first, uint64_t random);

enum px_prober_state {
    PX_PROBER_WAITING,  /* until the next probe */
    PX_PROBER_ASKING,   /* connecting, or waiting for the head */
    PX_PROBER_DRAINING, /* the result is in; the rest of the answer is read */
};

struct px_prober {
    struct tn_list node;
    struct px_health *health;
    struct px_endpoint *endpoint;
    struct px_health_config config; /* path is a copy */
    char *next_path;                /* made ready for the next config, or NULL */
    struct px_health_verdict verdict;
    bool is_seen; /* by the update under way */
    bool is_closing;
    bool is_first;    /* no probe has ended yet */
    bool has_put_off; /* told that a probe could not be made; since the last good one */
    enum px_prober_state state;
    struct tn_deadline deadline; /* next probe, or the end of this one */
    uint64_t started_ms;
    struct tn_stream stream;
    bool is_stream_alive; /* its memory is in use */
    struct tn_http_parser parser;
    struct tn_http_head head;
    char *in;
    size_t in_len;
    size_t drained;
    char detail[PX_HEALTH_DETAIL_SIZE];

    struct tn_deadline ejection; /* until the endpoint gets requests again */
    uint32_t ejections_in_a_row;
    uint64_t forgiven_ms; /* from then on the next ejection is a first one */
};

int px_prober_new(struct px_health *health, struct px_endpoint *endpoint,
                  const struct px_health_config *config, struct px_prober **ret_prober);
/* px_prober_prepare() first, and px_prober_configure() of the same config can't fail. -ENOMEM. */
int px_prober_prepare(struct px_prober *prober, const struct px_health_config *config);
int px_prober_configure(struct px_prober *prober, const struct px_health_config *config);
void px_prober_start(struct px_prober *prober);
void px_prober_close(struct px_prober *prober);

/* --- health.c ----------------------------------------------------------------------------------
 */

/* --- ejection.c --------------------------------------------------------------------------------
 */

void px_ejection_init(struct px_prober *prober);
void px_ejection_end(struct px_prober *prober);

struct tn_loop *px_health_loop(struct px_health *health);
uint64_t px_health_random(struct px_health *health);
/* NULL: none. */
struct px_prober *px_health_find(const struct px_health *health,
                                 const struct px_endpoint *endpoint);
void px_health_result(struct px_prober *prober, bool ok);
void px_health_forget(struct px_prober *prober);

#endif
