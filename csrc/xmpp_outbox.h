/* XMPP outbox, what its files share: each calls those that stand above it here, never those below; xmpp_outbox_own.c comes
 * last. XMPP thread only. */
#ifndef TM_XMPP_OUTBOX_H
#define TM_XMPP_OUTBOX_H

#include "xmpp_session.h"

/* A letter is sent again after so many seconds at first. */
#define TM_LETTER_PAUSE_S 30

/* ---- xmpp_outbox_revoke.c ---- */
/* Rule 28, by what the mirror knows. *look_up: the archive has to be asked. Sets the task's target. */
int32_t tm_outbox_check_revoke(tm_xmpp *x, tm_task *task, bool *look_up, tm_error *err);
/* The same by what the archive made of it: the error of a retraction that does not count. */
int32_t tm_outbox_explain_revoke(const tm_xmpp *x, const tm_task *task, const tm_mirrored *mirrored,
                                 tm_error *err);

/* ---- xmpp_outbox_letter.c ---- */
/* Sends some of the letters that are due. True: a ping is to go out behind them, x->letters_ping. */
bool tm_outbox_send_letters(tm_xmpp *x);
/* When it must do so next (tm_clock_ms); 0: no such time. */
uint64_t tm_outbox_letters_deadline(const tm_xmpp *x);

/* ---- xmpp_outbox.c ---- */
/* The stanza's own id and whom it goes to. */
int32_t tm_outbox_name_stanza(tm_xmpp *x, tm_task *task, tm_error *err);
/* Puts a task behind those that are to be sent (taken over). */
void tm_outbox_append(tm_xmpp *x, tm_task *task);

#endif
