// The SIGBUS handler and the list of ranges that it looks through.
//
// Contract: see fault_guard.h. The handler takes no lock and allocates nothing: slots are never freed, only used again, and
// a version that is odd while a slot changes keeps the handler from believing half of an old range and half of a new one.
#include "base/fault_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>

namespace hearth {

struct GuardedRange::Slot {
  std::atomic<uint32_t> version{0};  // odd: changing
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<uintptr_t> lost{0};  // lowest address that faulted; 0: none
  char name[256] = {};
  Slot* next = nullptr;  // fixed before the slot is published
};

namespace {

std::mutex slots_mutex;  // for those who change slots
std::atomic<GuardedRange::Slot*> slots{nullptr};
struct sigaction previous_action;
uintptr_t page_mask;

void write_text(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // there is nobody left to tell
}

// Puts zeros where pages are missing. False if the address is not in this slot's range.
bool repair(GuardedRange::Slot& slot, uintptr_t address) {
  const uint32_t version = slot.version.load();
  const uintptr_t begin = slot.begin.load(), end = slot.end.load();
  if (version % 2 == 1 || slot.version.load() != version || address < begin || address >= end) return false;
  uintptr_t lowest = slot.lost.load();
  while ((lowest == 0 || address < lowest) && !slot.lost.compare_exchange_weak(lowest, address)) {
  }
  const uintptr_t page = address & page_mask;
  // The system call itself: what a library, or a sanitizer, puts around mmap() is not made for handlers.
  const long zeros = ::syscall(SYS_mmap, page, end - page, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  if (zeros != -1) return true;
  write_text("hearth: ");
  write_text(slot.name);
  write_text(": became unreadable while it was in use; restore the file and start again\n");
  ::_exit(1);
}

void handle_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (info->si_code > 0) {  // from the processor, not from kill()
    const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
    for (GuardedRange::Slot* slot = slots.load(); slot != nullptr; slot = slot->next) {
      if (repair(*slot, address)) {
        errno = saved_errno;
        return;
      }
    }
  }
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else {
    ::signal(signal, SIG_DFL);
    ::raise(signal);  // waits until this handler returns
  }
  errno = saved_errno;
}

void install_handler() {
  page_mask = ~(static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1);
  struct sigaction action {};
  action.sa_sigaction = handle_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, nullptr, &previous_action);  // complete before the handler can run
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

GuardedRange::GuardedRange(const void* data, size_t bytes, std::string_view name) {
  static std::once_flag installed;
  std::call_once(installed, install_handler);
  const std::lock_guard lock(slots_mutex);
  Slot* slot = slots.load();
  while (slot != nullptr && slot->begin.load() != 0) slot = slot->next;
  const bool fresh = slot == nullptr;
  if (fresh) slot = new Slot;
  slot->version.fetch_add(1);
  slot->begin.store(reinterpret_cast<uintptr_t>(data));
  slot->end.store((reinterpret_cast<uintptr_t>(data) + bytes + ~page_mask) & page_mask);
  slot->lost.store(0);
  slot->name[name.copy(slot->name, sizeof(slot->name) - 1)] = '\0';
  slot->version.fetch_add(1);
  if (fresh) {
    slot->next = slots.load();
    slots.store(slot);
  }
  slot_ = slot;
}

GuardedRange::~GuardedRange() {
  const std::lock_guard lock(slots_mutex);
  slot_->version.fetch_add(1);
  slot_->end.store(0);
  slot_->begin.store(0);
  slot_->version.fetch_add(1);
}

std::optional<size_t> GuardedRange::first_lost() const {
  const uintptr_t lost = slot_->lost.load();
  if (lost == 0) return std::nullopt;
  return lost - slot_->begin.load();
}

}  // namespace hearth
