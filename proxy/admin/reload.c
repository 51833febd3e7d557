#include "proxy/admin/reload.h"

#include "lib/api/json.h"

#include <string.h>

static bool is_same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool has_same_listens(const struct px_config *a, const struct px_config *b)
{
    if (a->listen_count != b->listen_count)
        return false;
    for (uint32_t i = 0; i < a->listen_count; i++) {
        if (!is_same_text(a->listens[i].address.text, b->listens[i].address.text) ||
            a->listens[i].proxy_protocol != b->listens[i].proxy_protocol)
            return false;
    }
    return true;
}

static bool has_same_admin(const struct px_config *a, const struct px_config *b)
{
    return a->admin_kind == b->admin_kind && is_same_text(a->admin_path, b->admin_path) &&
           is_same_text(a->admin_group, b->admin_group) &&
           is_same_text(a->admin_address.text, b->admin_address.text) &&
           is_same_text(a->admin_token_file, b->admin_token_file);
}

json_t *px_reload_needs_restart(const struct px_config *old, const struct px_config *fresh)
{
    const struct {
        const char *key;
        bool is_same;
    } parts[] = {
        {"threads", old->threads == fresh->threads},
        {"admin", has_same_admin(old, fresh)},
        {"user", is_same_text(old->user, fresh->user)},
        {"store", is_same_text(old->store_file, fresh->store_file)},
    };
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i].is_same)
            tn_json_append(&list, json_sprintf("%s changed: no reload can do that, but a takeover "
                                               "can: turnout serve --takeover",
                                               parts[i].key));
    }
    return list;
}

static bool has_same_health(const struct px_health_config *a, const struct px_health_config *b)
{
    return is_same_text(a->path, b->path) && a->interval_ms == b->interval_ms &&
           a->timeout_ms == b->timeout_ms && a->up_after == b->up_after &&
           a->down_after == b->down_after;
}

static bool is_same_version(const struct px_version *a, const struct px_version *b)
{
    if (!is_same_text(a->name, b->name) || !is_same_text(a->build, b->build) ||
        a->endpoint_count != b->endpoint_count || a->balance != b->balance ||
        a->max_requests != b->max_requests || a->slow_start_ms != b->slow_start_ms ||
        !has_same_health(&a->health, &b->health))
        return false;
    for (uint32_t i = 0; i < a->endpoint_count; i++) {
        if (!is_same_text(a->endpoints[i].text, b->endpoints[i].text))
            return false;
    }
    return true;
}

/* Field by field: padding is not to be compared. */
static bool has_same_limits(const struct px_limits *a, const struct px_limits *b)
{
    return a->http.request_line_bytes == b->http.request_line_bytes &&
           a->http.head_bytes == b->http.head_bytes && a->http.field_count == b->http.field_count &&
           a->http.trailer_bytes == b->http.trailer_bytes &&
           a->http.chunk_extra_bytes == b->http.chunk_extra_bytes &&
           a->client_head_ms == b->client_head_ms &&
           a->body_floor_bytes_per_s == b->body_floor_bytes_per_s &&
           a->body_grace_ms == b->body_grace_ms &&
           a->response_floor_bytes_per_s == b->response_floor_bytes_per_s &&
           a->response_grace_ms == b->response_grace_ms &&
           a->keep_alive_idle_ms == b->keep_alive_idle_ms &&
           a->upstream_idle_ms == b->upstream_idle_ms &&
           a->upstream_idle_count == b->upstream_idle_count &&
           a->upstream_requests == b->upstream_requests &&
           a->side_buffer_bytes == b->side_buffer_bytes &&
           a->interim_responses == b->interim_responses && a->queue_length == b->queue_length &&
           a->queue_ms == b->queue_ms && a->memory_bytes == b->memory_bytes &&
           a->connections == b->connections && a->ejection_failures == b->ejection_failures &&
           a->ejection_ms == b->ejection_ms && a->ejection_max_ms == b->ejection_max_ms &&
           a->mirror_in_flight == b->mirror_in_flight &&
           a->compare_body_bytes == b->compare_body_bytes &&
           a->mirror_buffer_bytes == b->mirror_buffer_bytes &&
           a->mirror_memory_bytes == b->mirror_memory_bytes &&
           a->mirror_connect_ms == b->mirror_connect_ms &&
           a->mirror_total_ms == b->mirror_total_ms && a->stop_delay_ms == b->stop_delay_ms &&
           a->stop_grace_ms == b->stop_grace_ms;
}

static bool has_same_trusted(const struct px_config *a, const struct px_config *b)
{
    if (a->trusted_count != b->trusted_count)
        return false;
    for (uint32_t i = 0; i < a->trusted_count; i++) {
        const struct px_prefix *x = &a->trusted[i];
        const struct px_prefix *y = &b->trusted[i];

        if (x->family != y->family || x->bits != y->bits ||
            memcmp(x->bytes, y->bytes, sizeof(x->bytes)) != 0)
            return false;
    }
    return true;
}

static bool has_same_log(const struct px_config *a, const struct px_config *b)
{
    return is_same_text(a->access_log, b->access_log) && a->log_format == b->log_format;
}

bool px_reload_changes_config(const struct px_config *old, const struct px_config *fresh)
{
    if (!has_same_listens(old, fresh) || !has_same_log(old, fresh) ||
        !is_same_text(old->metrics.text, fresh->metrics.text))
        return true;
    if (old->version_count != fresh->version_count || !has_same_trusted(old, fresh) ||
        !has_same_limits(&old->limits, &fresh->limits))
        return true;
    for (uint32_t i = 0; i < old->version_count; i++) {
        if (!is_same_version(&old->versions[i], &fresh->versions[i]))
            return true;
    }
    return false;
}
