#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/api/json.h"
#include "proxy/admin/differ.h"
#include "proxy/admin/peer.h"

#include <errno.h>
#include <stdio.h>

static bool is_dead(const struct px_snapshot *snapshot, const char *name)
{
    uint32_t number = px_snapshot_find_version(snapshot, name);
    const struct px_snapshot_version *version;
    bool is_probed = false;

    if (number == STRATEGY_NONE)
        return false;
    version = &snapshot->versions[number];
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        if (atomic_load(&version->endpoints[i]->up))
            return false;
        is_probed = is_probed || atomic_load(&version->endpoints[i]->probed);
    }
    return is_probed;
}

/* Whoever sends traffic to a version that can't answer should hear of it before his users do. */
static void note_dead_versions(const struct px_rulebook *book, struct px_change_work *work)
{
    for (uint32_t i = 0; i < work->config->version_count; i++) {
        const char *name = work->config->versions[i].name;
        bool is_used = false;
        size_t k;
        json_t *rule;

        json_array_foreach(work->touched_after, k, rule)
        {
            const json_t *weight = json_object_get(json_object_get(rule, "weights"), name);

            is_used = is_used || (json_integer_value(weight) > 0 &&
                                  !json_is_true(json_object_get(rule, "switched_off")));
        }
        if (is_used && is_dead(book->snapshot, name))
            tn_json_append(&work->notes, json_sprintf("version %s has no endpoint up", name));
    }
}

int px_change_compare(const struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;

    work->after = px_rules_to_json(work->rules, work->rule_count);
    if (!work->after)
        return px_change_refuse(change, 503, "out of memory");
    if (!json_equal(book->rules, work->after) || !json_equal(book->unbound, work->unbound) ||
        !json_equal(book->modes, work->modes))
        work->is_changed = true;
    if (px_change_ttls(book, change) != 0)
        return -EINVAL;
    work->touched_before = px_differing_rules(book->rules, work->after);
    work->touched_after = px_differing_rules(work->after, book->rules);
    work->modes_changed = px_differing_modes(book->modes, work->modes);
    if (!work->touched_before || !work->touched_after || !work->modes_changed)
        return px_change_refuse(change, 503, "out of memory");
    if (px_change_check_owner(book, change) != 0)
        return -EINVAL;
    note_dead_versions(book, work);
    return work->notes ? 0 : px_change_refuse(change, 503, "out of memory");
}

static json_t *make_answer(const struct px_rulebook *book, const struct px_change *change)
{
    const struct px_change_work *work = change->work;
    json_t *answer = json_pack("{s:I, s:b, s:b, s:b}", "revision", (json_int_t)change->revision,
                               "changed", work->is_changed, "dry_run", change->is_dry_run,
                               "durable", book->recorder.is_durable);

    if (work->not_durable)
        tn_json_set(&answer, "not_durable", json_string(work->not_durable));
    if (work->rule[0])
        tn_json_set(&answer, "rule", json_string(work->rule));
    if (change->peer)
        tn_json_set(&answer, "peer", json_incref(change->peer));
    tn_json_set(&answer, "before", json_incref(work->touched_before));
    tn_json_set(&answer, "after", json_incref(work->touched_after));
    if (json_array_size(work->modes_changed) > 0)
        tn_json_set(&answer, "modes", json_incref(work->modes_changed));
    if (json_array_size(work->closing) > 0)
        tn_json_set(&answer, "ended", json_integer((json_int_t)work->closed_count));
    if (work->reload)
        tn_json_set(&answer, "reload", json_incref(work->reload));
    tn_json_set(&answer, "notes", json_incref(work->notes));
    return answer;
}

void px_change_set_answer(const struct px_rulebook *book, struct px_change *change)
{
    json_t *better = make_answer(book, change);

    if (better) {
        json_decref(change->answer);
        change->answer = better;
    } else if (change->answer) {
        /* in the place of what is there: that needs none */
        json_object_set_new(change->answer, "durable", json_boolean(book->recorder.is_durable));
    }
}

static const char *told(const struct px_change *change, const char *name)
{
    return json_is_true(json_object_get(change->answer, name)) ? "true" : "false";
}

const char *px_change_brief(const struct px_change *change, char text[PX_CHANGE_BRIEF_SIZE])
{
    snprintf(text, PX_CHANGE_BRIEF_SIZE,
             "{\"revision\":%llu,\"changed\":%s,\"dry_run\":%s,\"durable\":%s,\"before\":[],"
             "\"after\":[],\"notes\":[\"no memory to tell more: see GET /v1/rules\"]}",
             (unsigned long long)change->revision, told(change, "changed"), told(change, "dry_run"),
             told(change, "durable"));
    return text;
}

json_t *px_change_record(const struct px_rulebook *book, const struct px_change *change)
{
    const struct px_change_work *work = change->work;
    char at[TN_RFC3339_SIZE];
    json_t *record =
        json_pack("{s:i, s:I, s:I, s:s, s:s, s:O, s:O}", "format", PX_STORE_FORMAT, "revision",
                  (json_int_t)work->revision, "previous", (json_int_t)work->previous, "at",
                  tn_clock_rfc3339(work->wall_ns, at), "what", change->what, "rules", work->after,
                  "file", work->hashes);

    json_t *shadowed = json_copy(book->shadowed);

    if (shadowed && work->accepted[0])
        json_object_del(shadowed, work->accepted);
    if (!shadowed || json_object_size(shadowed) > 0)
        tn_json_set(&record, "shadowed", json_incref(shadowed));
    json_decref(shadowed);
    if (json_object_size(work->unbound) > 0)
        tn_json_set(&record, "unbound", json_incref(work->unbound));
    if (json_object_size(work->modes) > 0)
        tn_json_set(&record, "modes", json_incref(work->modes));
    if (json_object_size(book->owners) > 0)
        tn_json_set(&record, "owners", json_deep_copy(book->owners));
    if (json_array_size(work->ttls) > 0)
        tn_json_set(&record, "ttls", json_incref(work->ttls));
    if (json_array_size(work->ttls_drop) > 0 &&
        !json_is_true(json_object_get(change->request, "give_up")))
        tn_json_set(&record, "reverts", json_incref(work->ttls_drop));
    tn_json_set(&record, "peer",
                change->peer ? json_incref(change->peer)
                             : px_peer_own(change->author ? change->author : "turnout"));
    if (work->to_revision > 0)
        tn_json_set(&record, "to_revision", json_integer((json_int_t)work->to_revision));
    if (change->author)
        tn_json_set(&record, "author", json_string(change->author));
    if (change->reason)
        tn_json_set(&record, "reason", json_string(change->reason));
    return record;
}

bool px_change_has_news(const struct px_rulebook *book, const struct px_change_work *work)
{
    return work->is_changed || !json_equal(work->hashes, book->hashes);
}

int px_change_make_record(struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;

    if (!px_change_has_news(book, work))
        return 0;
    work->record = px_change_record(book, change);
    work->entry = work->is_changed ? px_revision_new(work->record, false) : NULL;
    if (!work->record || (work->is_changed && !work->entry))
        return -ENOMEM;
    if (work->entry) /* else it is told when it is */
        work->entry->is_durable = book->recorder.store && !change->is_urgent;
    book->is_shadowed_unsaved = false; /* unless it can't be written */
    return 0;
}
