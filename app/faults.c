#include "app/faults.h"

#include "app/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PPM_PER_PERCENT (APP_FAULTS_PPM / 100)

static const struct app_faults_settings no_faults = {.error_status = 500,
                                                     .wrong_ppm = APP_FAULTS_PPM};

#define WRONG_NAME(name, text) text,
static const char *const wrong_names[] = {APP_WRONG_FIELDS(WRONG_NAME)};

void app_faults_init(struct app_faults *faults)
{
    *faults = (struct app_faults){.settings = no_faults};
    pthread_mutex_init(&faults->mutex, NULL);
}

void app_faults_deinit(struct app_faults *faults)
{
    pthread_mutex_destroy(&faults->mutex);
}

/* "12.5" to 125,000. */
static int parse_percent(const char *value, uint32_t *ret_ppm)
{
    char whole[8];
    uint64_t percent;
    uint32_t fraction = 0;
    size_t len = strcspn(value, ".");
    if (len >= sizeof(whole)) {
        return -EINVAL;
    }
    memcpy(whole, value, len);
    whole[len] = '\0';
    if (app_text_parse_u64(whole, 100, &percent) != 0) {
        return -EINVAL;
    }
    if (value[len] == '.') {
        uint32_t worth = PPM_PER_PERCENT;
        const char *digit = value + len + 1;
        if (*digit == '\0') {
            return -EINVAL;
        }
        for (; *digit != '\0'; digit++) {
            worth /= 10;
            if (*digit < '0' || *digit > '9' || worth == 0) {
                return -EINVAL;
            }
            fraction += worth * (uint32_t)(*digit - '0');
        }
    }
    uint32_t ppm = (uint32_t)percent * PPM_PER_PERCENT + fraction;
    if (ppm > APP_FAULTS_PPM) {
        return -EINVAL;
    }
    *ret_ppm = ppm;
    return 0;
}

static int parse_bool(const char *value, bool *ret_value)
{
    bool is_true = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
        return -EINVAL;
    }
    *ret_value = is_true;
    return 0;
}

static int parse_ms(const char *value, uint32_t *ret_ms)
{
    uint64_t ms;
    int error = app_text_parse_u64(value, 600000, &ms);
    if (error == 0) {
        *ret_ms = (uint32_t)ms;
    }
    return error;
}

static int parse_wrong_field(const char *value, enum app_wrong_field *ret_field)
{
    for (unsigned i = 0; i < APP_WRONG_COUNT; i++) {
        if (strcmp(value, wrong_names[i]) == 0) {
            *ret_field = (enum app_wrong_field)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int parse_status(const char *value, unsigned *ret_status)
{
    uint64_t status;
    if (app_text_parse_u64(value, 599, &status) != 0 || status < 400) {
        return -EINVAL;
    }
    *ret_status = (unsigned)status;
    return 0;
}

static int set_field(void *context, const char *name, const char *value, const char **ret_problem)
{
    struct app_faults_settings *settings = context;
    if (strcmp(name, "error_rate") == 0) {
        *ret_problem = "error_rate: expected 0 to 100 (per cent, up to four decimals)";
        return parse_percent(value, &settings->error_ppm);
    }
    if (strcmp(name, "wrong_rate") == 0) {
        *ret_problem = "wrong_rate: expected 0 to 100 (per cent, up to four decimals)";
        return parse_percent(value, &settings->wrong_ppm);
    }
    if (strcmp(name, "error_status") == 0) {
        *ret_problem = "error_status: expected 400 to 599";
        return parse_status(value, &settings->error_status);
    }
    if (strcmp(name, "latency_ms") == 0) {
        *ret_problem = "latency_ms: expected 0 to 600000";
        return parse_ms(value, &settings->latency_ms);
    }
    if (strcmp(name, "slow_body_ms") == 0) {
        *ret_problem = "slow_body_ms: expected 0 to 600000";
        return parse_ms(value, &settings->slow_body_ms);
    }
    if (strcmp(name, "never_ready") == 0) {
        *ret_problem = "never_ready: expected true or false";
        return parse_bool(value, &settings->never_ready);
    }
    if (strcmp(name, "wrong_field") == 0) {
        *ret_problem = "wrong_field: expected version, build, name, visits or nothing";
        return parse_wrong_field(value, &settings->wrong_field);
    }
    if (strcmp(name, "crash_after") == 0) {
        *ret_problem = "crash_after: expected a number of requests, 0 for never";
        return app_text_parse_u64(value, UINT64_MAX, &settings->crash_after);
    }
    if (strcmp(name, "crash") == 0) {
        *ret_problem = "crash: expected true or false";
        return parse_bool(value, &settings->crash);
    }
    *ret_problem = "unknown field; there are error_rate, error_status, latency_ms, slow_body_ms, "
                   "never_ready, wrong_field, wrong_rate, crash_after and crash";
    return -EINVAL;
}

int app_faults_set(struct app_faults *faults, const char *text, bool *ret_crash,
                   struct app_text *problem)
{
    const char *why = NULL;
    pthread_mutex_lock(&faults->mutex);
    struct app_faults_settings settings = faults->settings;
    int error = app_fields_parse(text, set_field, &settings, &why);
    if (error == 0) {
        *ret_crash = settings.crash;
        settings.crash = false;
        faults->settings = settings;
    }
    pthread_mutex_unlock(&faults->mutex);
    if (error != 0) {
        app_text_add(problem, "%s", why);
    }
    return error;
}

void app_faults_reset(struct app_faults *faults)
{
    pthread_mutex_lock(&faults->mutex);
    faults->settings = no_faults;
    pthread_mutex_unlock(&faults->mutex);
}

static void add_percent(struct app_text *text, const char *name, uint32_t ppm)
{
    uint32_t fraction = ppm % PPM_PER_PERCENT;
    unsigned digits = 4;
    app_text_add(text, "\"%s\":%" PRIu32, name, ppm / PPM_PER_PERCENT);
    for (; fraction != 0 && fraction % 10 == 0; fraction /= 10) {
        digits--;
    }
    if (fraction != 0) {
        app_text_add(text, ".%0*" PRIu32, (int)digits, fraction);
    }
}

void app_faults_show(struct app_faults *faults, struct app_text *text)
{
    pthread_mutex_lock(&faults->mutex);
    struct app_faults_settings settings = faults->settings;
    pthread_mutex_unlock(&faults->mutex);
    app_text_add(text, "{");
    add_percent(text, "error_rate", settings.error_ppm);
    app_text_add(text,
                 ",\"error_status\":%u,\"latency_ms\":%" PRIu32 ",\"slow_body_ms\":%" PRIu32
                 ",\"never_ready\":%s,\"wrong_field\":\"%s\",",
                 settings.error_status, settings.latency_ms, settings.slow_body_ms,
                 settings.never_ready ? "true" : "false", wrong_names[settings.wrong_field]);
    add_percent(text, "wrong_rate", settings.wrong_ppm);
    app_text_add(text, ",\"crash_after\":%" PRIu64 "}\n", settings.crash_after);
}

/* Deals a share exactly: the debt grows by the rate and one fault pays off a whole. */
static bool is_dealt(uint32_t *debt_ppm, uint32_t rate_ppm)
{
    *debt_ppm += rate_ppm;
    if (*debt_ppm < APP_FAULTS_PPM) {
        return false;
    }
    *debt_ppm -= APP_FAULTS_PPM;
    return true;
}

struct app_faults_draw app_faults_draw(struct app_faults *faults)
{
    pthread_mutex_lock(&faults->mutex);
    struct app_faults_settings *settings = &faults->settings;
    struct app_faults_draw draw = {.latency_ms = settings->latency_ms,
                                   .slow_body_ms = settings->slow_body_ms};
    if (settings->crash_after > 0) {
        draw.crash = --settings->crash_after == 0;
    }
    if (is_dealt(&faults->error_debt_ppm, settings->error_ppm)) {
        draw.error_status = settings->error_status;
    }
    if (settings->wrong_field != APP_WRONG_NONE &&
        is_dealt(&faults->wrong_debt_ppm, settings->wrong_ppm)) {
        draw.wrong_field = settings->wrong_field;
    }
    pthread_mutex_unlock(&faults->mutex);
    return draw;
}

bool app_faults_is_never_ready(struct app_faults *faults)
{
    pthread_mutex_lock(&faults->mutex);
    bool is_never_ready = faults->settings.never_ready;
    pthread_mutex_unlock(&faults->mutex);
    return is_never_ready;
}
