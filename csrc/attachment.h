/* Attachment: the files that image, sound, file and video elements name: looked at, uploaded before the
 * message goes out, and described in the element (rule 21). Worker thread only. */
#ifndef TM_ATTACHMENT_H
#define TM_ATTACHMENT_H

#include "worker.h"

/* Whether an element names files. */
bool tm_attachment_any(const cJSON *elems);
/* Whether an element names a file by a path that counts from a working directory. NULL is fine. Any thread. */
bool tm_attachment_any_relative(const cJSON *elems);
/* Looks at every file of request->elems and writes sizes and kinds into the elements: 7004, 7005, 7006, 7007. All must be
 * there before anything is uploaded. */
int32_t tm_attachment_inspect(const tm_request *request, tm_error *err);
/* Asks the backend for the upload of every file of request->elems. */
int32_t tm_attachment_ask(tm_worker *worker, tm_request *request, tm_error *err);
/* An upload is through: its id and url go into its element. */
int32_t tm_attachment_note(tm_request *request, const tm_op *op, tm_error *err);
/* The element that an upload is for, counted from 0. */
uint32_t tm_attachment_index(const tm_op *op);

#endif
