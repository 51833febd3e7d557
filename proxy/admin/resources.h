/*
 * resources: what the files behind the routes share.
 *
 * Private to proxy/admin. Shapes, errors, ownership, threads: as admin.h.
 */
#ifndef PX_ADMIN_RESOURCES_H
#define PX_ADMIN_RESOURCES_H

#include "lib/api/json.h"
#include "proxy/admin/admin.h"

tn_api_handler_fn px_admin_post_takeover;
tn_api_handler_fn px_admin_get_status, px_admin_get_rules, px_admin_get_share, px_admin_get_explain;
tn_api_handler_fn px_admin_get_history, px_admin_get_mirror_report, px_admin_get_mirror_pairs;
tn_api_handler_fn px_admin_get_lease, px_admin_put_lease;
tn_api_handler_fn px_admin_get_events, px_admin_get_metrics, px_admin_get_full_status;

/* Answers call with render's result once every loop's counters are here. */
typedef void(px_admin_render_fn)(struct px_admin *admin, struct tn_api_call *call,
                                 const struct px_stats *stats);
void px_admin_with_stats(struct px_admin *admin, struct tn_api_call *call,
                         px_admin_render_fn *render);

/* The same with ledgers, and with what the caller wants to have kept until then (freed by free). */
typedef void(px_admin_render_ledgers_fn)(struct px_admin *admin, struct tn_api_call *call,
                                         const struct px_stats *stats, void *question);
void px_admin_with_ledgers(struct px_admin *admin, struct tn_api_call *call,
                           px_admin_render_ledgers_fn *render, void *question);

/* Counters came that admin->collecting was raised for: the last step of their receiver. */
void px_admin_collected(struct px_admin *admin);

/* ETag: the revision in force. */
void px_admin_add_etag(struct px_admin *admin, struct tn_api_call *call);

/* --- status.c ----------------------------------------------------------------------------------
 */

json_t *px_status_json(const struct px_admin *admin);

/* --- share.c -----------------------------------------------------------------------------------
 */

json_t *px_share_json(const struct px_admin *admin, const struct px_stats *stats);

/* The duration below which that part of the counts (0 to 1) lies, in ms, straight within a bucket;
 * negative when nothing was counted. */
double px_share_quantile_ms(const uint64_t *buckets, double part);

/* Requests that a version was asked for, whoever answered them; answers of 500 and above. */
uint64_t px_share_count_wanted(const struct px_stats_cell *cell);
uint64_t px_share_count_errors(const struct px_stats_cell *cell);

/* The counters of one mirror since it was set; new reference. */
json_t *px_share_mirror_json(const struct px_admin *admin, const struct px_stats *stats,
                             const struct px_snapshot_rule *rule,
                             const struct px_snapshot_mirror *mirror);

/* How many requests each version may be off what it should have, at the most. */
double px_share_bound(uint32_t positive_count);

/* --- metrics.c ---------------------------------------------------------------------------------
 */

struct px_prom;

/* Endpoints, versions, mirrors, retries (metrics_parts.c). */
void px_metrics_put_parts(struct px_prom *prom, const struct px_admin *admin,
                          const struct px_stats *stats);

/* Revision, stable versions, store, reload (metrics_rules.c). */
void px_metrics_put_rules(struct px_prom *prom, const struct px_admin *admin,
                          const struct px_stats *stats);

/* Goals, verdicts, splits (metrics_verdict.c). */
void px_metrics_put_verdicts(struct px_prom *prom, const struct px_admin *admin,
                             const struct px_stats *stats);

/* Prometheus text, malloc'd and terminated; NULL: no memory. */
char *px_metrics_text(const struct px_admin *admin, const struct px_stats *stats);

#endif
