/*
 * import: POST /import, by which a handover moves a count from one version to the other.
 *
 * Not for making it durable (ledger.h).
 * Shape of the body, at most APP_IMPORT_MAX bytes: {"transfer":"blue-0-42","visits":114}, or the
 * same as transfer=blue-0-42&visits=114. The answer: who this is and the count, the transfer, what
 * it brought, and whether that was now ("applied":true) or before. Errors: as answers: 400 another
 * shape, 403 not turned on, 409 the id stands for another number or the sum does not fit, 413, 503
 * not durable: repeat with the same id, 507 too many ids. Threads: the server's.
 */
#ifndef APP_IMPORT_H
#define APP_IMPORT_H

#include "app/server.h"

/* Runs twice: when the body is there, and when the disk has it. */
enum MHD_Result app_import_run(struct app_request *request);

#endif
