package io.github.wandacuda.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.Fingerprint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {
  private static final List<String> WORDS = List.of("one", "zwei\n", "трое", "");

  @TempDir Path directory;

  private byte[] written() throws IOException {
    try (Journal journal = Journal.open(directory)) {
      assertThat(journal.records()).isEmpty();
      journal.restart(Map.of("word", WORDS.get(0)));
      WORDS.subList(1, WORDS.size()).forEach(word -> journal.append(Map.of("word", word)));
    }
    return Files.readAllBytes(directory.resolve(Journal.FILE_NAME));
  }

  private List<String> read(byte[] content) throws IOException {
    Files.write(directory.resolve(Journal.FILE_NAME), content);
    try (Journal journal = Journal.open(directory)) {
      return words(journal.records());
    }
  }

  private static List<String> words(List<JsonNode> records) {
    return records.stream().map(record -> record.get("word").asText()).toList();
  }

  @Test
  void recordsComeBackInTheirOrder() throws IOException {
    assertThat(read(written())).isEqualTo(WORDS);
  }

  @Test
  void whereverItIsCutOffTheWholeRecordsBeforeComeBack() throws IOException {
    byte[] content = written();
    for (int length = 0; length < content.length; length++) {
      List<String> found = read(Arrays.copyOf(content, length));
      assertThat(found).isEqualTo(WORDS.subList(0, lines(content, length)));
    }
  }

  private static int lines(byte[] content, int length) {
    int lines = 0;
    for (int at = 0; at < length; at++) {
      lines += content[at] == '\n' ? 1 : 0;
    }
    return lines;
  }

  @Test
  void whateverByteIsWrongNoWrongRecordComesBack() throws IOException {
    byte[] content = written();
    for (int at = 0; at < content.length; at++) {
      byte[] damaged = content.clone();
      damaged[at] ^= 1;
      assertThat(read(damaged)).isEqualTo(WORDS.subList(0, lines(content, at)));
    }
  }

  @Test
  void recordsGoOnBehindTheLastWholeOne() throws IOException {
    byte[] content = written();
    Path file = directory.resolve(Journal.FILE_NAME);
    Files.write(file, Arrays.copyOf(content, content.length - 1));
    try (Journal journal = Journal.open(directory)) {
      assertThat(journal.records()).hasSize(WORDS.size() - 1);
      journal.append(Map.of("word", "more"));
    }
    assertThat(read(Files.readAllBytes(file)))
        .containsExactly(WORDS.get(0), WORDS.get(1), WORDS.get(2), "more");
  }

  @Test
  void onlyOneIsOpenAtATime() {
    try (Journal first = Journal.open(directory)) {
      assertThat(first.file()).exists();
      assertThatThrownBy(() -> Journal.open(directory)).isInstanceOf(UsageException.class);
    }
    Journal.open(directory).close();
  }

  @Test
  void whatTakesItsPlaceIsLockedToo() throws IOException {
    Path record = directory.resolve("record");
    try (Journal first = Journal.open(directory)) {
      first.restart(Map.of("word", "one"));
      first.succeed(new byte[] {'{', '}'});
      assertThat(directory.resolve(Journal.FILE_NAME)).hasContent("{}");
      assertThatThrownBy(() -> Journal.open(directory)).isInstanceOf(UsageException.class);
      first.rename(record);
      assertThat(record).hasContent("{}");
      Journal.open(directory).close();
    }
    assertThat(record).hasContent("{}");
  }

  @Test
  void oneThatFollowedAnotherInBetweenIsNotTakenForIt() throws IOException {
    written();
    try (Journal first = Journal.open(directory)) {
      byte[] content = Files.readAllBytes(directory.resolve(Journal.FILE_NAME));
      first.succeed(content);
      assertThatThrownBy(() -> Journal.open(directory)).isInstanceOf(UsageException.class);
    }
  }

  @Test
  void aLinkIsNotFollowed() throws IOException {
    Path precious = Files.writeString(directory.resolve("precious"), "mine");
    Files.createSymbolicLink(directory.resolve(Journal.FILE_NAME), precious);
    assertThatThrownBy(() -> Journal.open(directory)).isInstanceOf(OutputException.class);
    assertThat(precious).hasContent("mine");
  }

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
    assertSaid("a run in place", "run the same 'wanda-cuda prune' again with `in-place`");
  }

  @Test
  void beforeTheFirstRecordTheConfigTells() throws IOException {
    begin(null);
    assertSaid("an unfinished output of prune", "`resume`");
    Files.writeString(directory.resolve("config.json"), "{}");
    assertSaid("a run in place", "run the same 'wanda-cuda prune' again with `in-place`");
  }

  @Test
  void withoutAJournalThereIsNone() {
    assertThat(UnfinishedRun.isIn(directory)).isFalse();
    assertThatCode(() -> UnfinishedRun.requireNone(directory)).doesNotThrowAnyException();
  }
}
