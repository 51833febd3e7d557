#include "proxy/admin/change.h"
#include "proxy/admin/open.h"
#include "proxy/admin/peer.h"

#include "lib/api/json.h"
#include "lib/base/log.h"

#include <errno.h>
#include <stdlib.h>

/* Several may wait under each other. */
#define ROUNDS_MAX 256

struct round {
    struct px_rulebook *book;
    const json_t *last;
    json_t *ttls, *expired; /* the last change of those whose time is over */
    json_t *rules, *modes;
    json_t *drop, *add;
    bool is_given_up;
    uint64_t now;
};

static int prepare(struct round *round)
{
    round->ttls = px_ttl_parse(json_object_get(round->last, "ttls"));
    round->expired = round->ttls ? px_ttl_expired(round->ttls, round->now) : NULL;
    round->rules = json_deep_copy(json_object_get(round->last, "rules"));
    round->modes = px_modes_parse(json_object_get(round->last, "modes"));
    round->drop = json_array();
    round->add = json_array();
    if (!round->expired || !round->rules || !round->modes || !round->add)
        return -ENOMEM;
    while (json_array_size(round->expired) > 1)
        json_array_remove(round->expired, json_array_size(round->expired) - 1);
    if (json_array_size(round->expired) == 1)
        tn_json_append(&round->drop,
                       json_incref(json_object_get(json_array_get(round->expired, 0), "revision")));
    return round->drop ? 0 : -ENOMEM;
}

/* Of a version that the file lost meanwhile nothing can come back: that change stays, and the log
 * says so. */
static int take_back(struct round *round)
{
    json_t *addresses = px_addresses_of(round->book->config);
    const json_t *entry = NULL;
    const char *rule = NULL;
    const char *version =
        addresses ? px_ttl_missing_version(round->expired, addresses, &entry, &rule) : NULL;
    int error = addresses ? 0 : -ENOMEM;

    round->is_given_up = version != NULL;
    if (version)
        tn_log(TN_LOG_ERROR, "store",
               "revision %lld can't go back: version '%s' of rule %s is not configured any more",
               json_integer_value(json_object_get(entry, "revision")), version, rule);
    else if (!error)
        error = px_ttl_take_back(round->expired, round->rules, round->modes, round->add);
    json_decref(addresses);
    return error;
}

static json_t *record_of(const struct round *round, json_t *ttls)
{
    const json_t *first = json_array_get(round->expired, 0);
    json_int_t before = json_integer_value(json_object_get(round->last, "revision"));
    char length[PX_TTL_LENGTH_SIZE];
    char at[TN_RFC3339_SIZE];
    json_t *record = json_copy((json_t *)(uintptr_t)round->last);

    px_ttl_length_text(json_integer_value(json_object_get(first, "length_ms")), length);
    if (record)
        json_object_del(record, "to_revision");
    tn_json_set(&record, "revision", json_integer(before + 1));
    tn_json_set(&record, "previous", json_integer(before));
    tn_json_set(&record, "at", json_string(tn_clock_rfc3339(round->now, at)));
    tn_json_set(&record, "what", json_string("ttl"));
    tn_json_set(&record, "author", json_string("ttl"));
    tn_json_set(&record, "peer", px_peer_own("ttl"));
    tn_json_set(&record, "reason",
                json_sprintf("%srevision %lld was for %s; that ran out while turnout did not run",
                             round->is_given_up ? "it could not go back, and stays: " : "",
                             json_integer_value(json_object_get(first, "revision")), length));
    tn_json_set(&record, "rules", json_incref(round->rules));
    tn_json_set(&record, "modes", json_incref(round->modes));
    tn_json_set(&record, "ttls", ttls);
    tn_json_set(&record, "reverts", round->is_given_up ? json_array() : json_incref(round->drop));
    return record;
}

static json_t *run_round(struct round *round)
{
    struct px_ttl_change change = {
        .ttls = round->ttls,
        .before = {json_object_get(round->last, "rules"), json_object_get(round->last, "modes")},
        .after = {round->rules, round->modes},
        .drop = round->drop,
        .add = round->add,
    };
    json_t *ttls;

    if (take_back(round) != 0)
        return NULL;
    ttls = px_ttl_after(&change);
    return ttls ? record_of(round, ttls) : NULL;
}

static void end(struct round *round)
{
    json_decref(round->ttls);
    json_decref(round->expired);
    json_decref(round->rules);
    json_decref(round->modes);
    json_decref(round->drop);
    json_decref(round->add);
}

int px_open_expire(struct px_rulebook *book, json_t **last)
{
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        struct round round = {.book = book,
                              .last = *last,
                              .now = book->options.clock->wall_ns(book->options.clock->context)};
        json_t *record = NULL;
        int error = prepare(&round);
        bool is_over = !error && json_array_size(round.expired) == 0;

        if (!error && !is_over)
            record = run_round(&round);
        end(&round);
        if (error || is_over)
            return error;
        error = record ? px_open_record(book, record) : -ENOMEM;
        json_decref(*last);
        *last = record;
        if (error)
            return error;
    }
    return 0;
}
