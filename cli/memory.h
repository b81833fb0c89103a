#pragma once

namespace miaudit::cli {

/// Lets the process keep the memory that it gives back, for the next array. An audit takes and gives back arrays of one
/// size over and over; asking the system for their pages each time takes a fifth of the whole, and most of it on a
/// virtual machine whose page faults are dear. One arena, since another thread's freed memory would be asked for anew.
/// A program that links this also has its operator new, by which large arrays ask for huge pages: one fault for 512.
/// For a program of our own, before its first thread; a library has no say in its host's memory.
void keep_freed_memory();

}  // namespace miaudit::cli
