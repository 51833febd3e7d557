/*
 * faults: what the service does wrong on purpose, so that "the bad version" can be shown.
 *
 * Not for real errors, and without effect on /healthz and /metrics; on /readyz only never_ready.
 * Shape: the fields of struct app_faults_settings under their own names, as JSON or as a query:
 *   error_rate 0 to 100 (%, up to four decimals)    error_status 400 to 599 (500)
 *   latency_ms, slow_body_ms 0 to 600000            never_ready true or false
 *   wrong_field version, build, name, visits or ""  wrong_rate 0 to 100 (%, 100)
 *   crash_after N: killed without an answer at the N-th request from now; 0 is off
 *   crash true: killed as soon as this was answered
 * Rates are dealt exactly, not drawn: 25 % of 400 requests are 100.
 * Errors: -EINVAL with a problem for a person; then nothing was changed. Threads: any.
 */
#ifndef APP_FAULTS_H
#define APP_FAULTS_H

#include "app/text.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define APP_FAULTS_PPM 1000000u

#define APP_WRONG_FIELDS(X)                                                                        \
    X(NONE, "")                                                                                    \
    X(VERSION, "version")                                                                          \
    X(BUILD, "build")                                                                              \
    X(NAME, "name")                                                                                \
    X(VISITS, "visits")

#define APP_WRONG_ENUM(name, text) APP_WRONG_##name,
enum app_wrong_field { APP_WRONG_FIELDS(APP_WRONG_ENUM) APP_WRONG_COUNT };

struct app_faults_settings {
    uint32_t error_ppm; /* error_rate */
    unsigned error_status;
    uint32_t latency_ms;
    uint32_t slow_body_ms; /* the time over which a body is spread */
    bool never_ready;
    enum app_wrong_field wrong_field;
    uint32_t wrong_ppm; /* wrong_rate */
    uint64_t crash_after;
    bool crash;
};

struct app_faults {
    /* private */
    pthread_mutex_t mutex;
    struct app_faults_settings settings;
    uint32_t error_debt_ppm; /* what the dealt faults are behind the rate */
    uint32_t wrong_debt_ppm;
};

/* What one request gets. */
struct app_faults_draw {
    unsigned error_status; /* 0: none */
    uint32_t latency_ms;
    uint32_t slow_body_ms;
    enum app_wrong_field wrong_field;
    bool crash;
};

void app_faults_init(struct app_faults *faults);
void app_faults_deinit(struct app_faults *faults);

/* Sets the fields that text names, or none. *ret_crash: the caller must end the process. */
int app_faults_set(struct app_faults *faults, const char *text, bool *ret_crash,
                   struct app_text *problem);

/* Back to no fault. */
void app_faults_reset(struct app_faults *faults);

/* All fields as a JSON object. */
void app_faults_show(struct app_faults *faults, struct app_text *text);

/* Once per request of the service. */
struct app_faults_draw app_faults_draw(struct app_faults *faults);

bool app_faults_is_never_ready(struct app_faults *faults);

#endif
