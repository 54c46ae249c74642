package io.github.wandacuda.tokenizer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** What a process says on its standard error, of which the first lines are kept. */
final class StderrExcerpt {
  private static final int KEPT = 50;
  private static final long PATIENCE_MILLIS = 5_000;

  private final List<String> lines = new ArrayList<>();
  private final Thread reader;

  private StderrExcerpt(InputStream errors) {
    reader = Thread.ofPlatform().daemon().name("tokenizer-errors").unstarted(() -> read(errors));
  }

  /** Starts to read; the process never has to wait for its words to be read. */
  static StderrExcerpt of(InputStream errors) {
    StderrExcerpt words = new StderrExcerpt(errors);
    words.reader.start();
    return words;
  }

  private void read(InputStream errors) {
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(errors, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        add(line);
      }
    } catch (IOException e) {
      add(String.valueOf(e.getMessage()));
    }
  }

  private synchronized void add(String line) {
    if (lines.size() < KEPT) {
      lines.add(line.strip());
    }
  }

  /**
   * Returns why a process that has ended did so: what Rust says of a panic, whose reason is on the
   * line after the place, or else the first line.
   */
  String reason() {
    try {
      reader.join(PATIENCE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return reasonOf();
  }

  private synchronized String reasonOf() {
    for (int at = 0; at + 1 < lines.size(); at++) {
      if (lines.get(at).contains(" panicked at ")) {
        return lines.get(at + 1);
      }
    }
    return lines.isEmpty() ? "it ended without a word" : lines.get(0);
  }
}
