package io.github.wandacuda.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnfinishedRunTest {
  @TempDir Path directory;

  private void begin(Map<String, String> fingerprint) {
    try (Journal journal = Journal.open(directory)) {
      if (fingerprint != null) {
        journal.restart(RunRecords.run(new Fingerprint(fingerprint)));
      }
    }
  }

  private void assertSaid(String which, String whatToDo) {
    assertThat(UnfinishedRun.isIn(directory)).isTrue();
    assertThatThrownBy(() -> UnfinishedRun.requireNone(directory))
        .isInstanceOf(InputException.class)
        .hasMessageContainingAll(directory.toString(), which, whatToDo);
  }

  @Test
  void anOutputOfPruneIsToBeResumed() {
    begin(Map.of("method", "wanda"));
    assertSaid("an unfinished output of prune", "`resume`");
  }

  @Test
  void anOutputThatHasItsConfigIsStillOne() throws IOException {
    Files.writeString(directory.resolve("config.json"), "{}");
    begin(Map.of("method", "wanda"));
    assertSaid("an unfinished output of prune", "`resume`");
  }

  @Test
  void oneInPlaceIsToBeRunAgain() {
    begin(Map.of("method", "wanda", Fingerprint.IN_PLACE, "yes"));
    assertSaid("a run in place", "run the same again with `in-place`");
  }

  @Test
  void beforeTheFirstRecordTheConfigTells() throws IOException {
    begin(null);
    assertSaid("an unfinished output of prune", "`resume`");
    Files.writeString(directory.resolve("config.json"), "{}");
    assertSaid("a run in place", "run the same again with `in-place`");
  }

  @Test
  void withoutAJournalThereIsNone() {
    assertThat(UnfinishedRun.isIn(directory)).isFalse();
    assertThatCode(() -> UnfinishedRun.requireNone(directory)).doesNotThrowAnyException();
  }
}
