/*
 * prom: Prometheus text in the making (exposition format 0.0.4).
 *
 * Not for knowing what is measured. Shapes: a family is opened with name, type and help; samples
 * follow. Labels are pairs of texts that end with NULL; values are escaped. Errors: memory that ran
 * out is remembered; px_prom_finish() then gives NULL. Ownership: the text of px_prom_finish() is
 * the caller's. Threads: any.
 */
#ifndef PX_ADMIN_PROM_H
#define PX_ADMIN_PROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct px_prom {
    const char *family;
    char *text;
    size_t len, size;
    bool out_of_memory;
};

#define PX_PROM_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define PX_PROM_BARE ((const char *const[]){NULL})

void px_prom_family(struct px_prom *prom, const char *name, const char *type, const char *help);

/* suffix: "" or "_bucket", "_sum", "_count" of a histogram. */
void px_prom_count(struct px_prom *prom, const char *suffix, const char *const *labels,
                   uint64_t value);
void px_prom_real(struct px_prom *prom, const char *suffix, const char *const *labels,
                  double value);

/* Terminated; NULL when memory ran out. */
char *px_prom_finish(struct px_prom *prom);

#endif
