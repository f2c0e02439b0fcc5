/* Locator: where a Message only says which one is meant, a MsgLocator does as well, and the other way round: its keys become the
 * other's. Any thread. */
#ifndef TM_LOCATOR_H
#define TM_LOCATOR_H

#include "call.h"

/* Turns the locators among a call's JSON into Messages: that of ReportReaded and Revoke, the last_msg of GetMsgList, and
 * for Delete a locator, or a Message, in place of the parameter or in it; and the Messages of FindByMsgLocatorList into
 * locators. `*tree` is the caller's before and after; NULL,
 * or of another type than an object: nothing is done. TIM_ERR_JSON or TIM_ERR_PARAM: as tm_schema_check;
 * ERR_OUT_OF_MEMORY. */
int32_t tm_locators_accept(tm_call_kind kind, int index_base, cJSON **tree, tm_error *err);

#endif
