package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibrate.statistics.Statistics;
import java.nio.file.Path;
import java.util.function.Predicate;

/** What a result file holds, and how an earlier one is told from other people's files. */
public enum ResultKind {
  STATISTICS("statistics", Statistics::isOne),
  REPORT("a report", ReportFormat::isOne);

  private final String inWords;
  private final Predicate<Path> isOne;

  ResultKind(String inWords, Predicate<Path> isOne) {
    this.inWords = inWords;
    this.isOne = isOne;
  }

  String inWords() {
    return inWords;
  }

  /** Returns whether a file is one of this kind that this program wrote, by its content. */
  boolean isWrittenHere(Path file) {
    return isOne.test(file);
  }
}
