package io.github.wandacuda.job;

import java.util.Map;

/** Writes to a journal on a thread that nobody interrupts, as the journal asks for. */
final class JournalWriter implements AutoCloseable {
  private final Journal journal;
  private final BackgroundWork background = new BackgroundWork("wanda-cuda-journal");

  public JournalWriter(Journal journal) {
    this.journal = journal;
  }

  /** Adds a record. */
  public void append(Map<String, Object> record) {
    background.submit(() -> journal.append(record));
  }

  /** Waits until all records are on the device. */
  public void await() {
    background.submit(journal::force);
    background.await();
  }

  @Override
  public void close() {
    background.close();
  }
}
