// Whole listings, page by page, each item handed to a visitor. A visitor's fault ends the listing and is returned.
#pragma once

#include "cli/interrupt.h"
#include "cli/invocation.h"

namespace aeon::cli {

template <typename NextPage, typename VisitPage>
Status for_each_page(NextPage next_page, VisitPage visit_page) {
  Anchor anchor;
  while (!anchor.is_end) {
    TRY(check_interrupt("nothing was changed"));
    TRY_ASSIGN(auto page, next_page(anchor));
    TRY(visit_page(page));
    anchor = std::move(page.next);
  }
  return ok();
}

template <typename Visit>
Status for_each_object(Invocation& invocation, client::Container& container, Epoch epoch, Visit visit) {
  return for_each_page([&](const Anchor& from) { return invocation.run(container.list_objects(from, {}, epoch)); },
                       [&](const client::ObjectPage& page) -> Status {
                         for (const ObjectId& object : page.objects) TRY(visit(object));
                         return ok();
                       });
}

template <typename Visit>
Status for_each_dkey(Invocation& invocation, client::Container& container, ObjectId object, Epoch epoch, Visit visit) {
  return for_each_page(
      [&](const Anchor& from) { return invocation.run(container.list_dkeys(object, from, {}, epoch)); },
      [&](const client::KeyPage& page) -> Status {
        for (const Bytes& dkey : page.keys) TRY(visit(dkey));
        return ok();
      });
}

template <typename Visit>
Status for_each_akey(Invocation& invocation, client::Container& container, ObjectId object, const Bytes& dkey,
                     Epoch epoch, Visit visit) {
  return for_each_page(
      [&](const Anchor& from) { return invocation.run(container.list_akeys(object, dkey, from, {}, epoch)); },
      [&](const client::KeyPage& page) -> Status {
        for (const Bytes& akey : page.keys) TRY(visit(akey));
        return ok();
      });
}

template <typename Visit>
Status for_each_recx(Invocation& invocation, client::Container& container, ObjectId object, const Bytes& dkey,
                     const Bytes& akey, Epoch epoch, Visit visit) {
  return for_each_page(
      [&](const Anchor& from) { return invocation.run(container.list_recxs(object, dkey, akey, from, {}, epoch)); },
      [&](const client::RecxPage& page) -> Status {
        for (const ListedRecx& recx : page.recxs) TRY(visit(recx));
        return ok();
      });
}

}  // namespace aeon::cli
