package io.github.wandacuda.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.Crc32c;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.testing.Damage;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Interrupted outputs that somebody has put links, folders or made-up records into: a run that goes
 * on writes to nothing outside, and ends the same or says in one line why not.
 */
@Timeout(300)
class HostileOutputTest {
  private static final String JOURNAL = ".wanda-cuda.journal";
  private static final String SHARD = "model-00001-of-00002.safetensors";
  private static final int BLOCKS = 4;

  @TempDir static Path once;
  private static Path stopped;
  private static Path expected;
  private static List<int[]> samples;

  @TempDir Path directory;

  private static Path model;
  private Path output;

  @BeforeAll
  static void stopInTheMiddle() throws IOException {
    GeneratedLlama llama = new GeneratedLlama(BLOCKS, 32, 64, 50);
    model = llama.write(once.resolve("model"));
    Files.createDirectories(model.resolve("sub/below"));
    Files.writeString(model.resolve("sub/below/side.txt"), "side");
    Files.writeString(model.resolve("tokenizer.json"), "{}");
    samples = TestData.tokens(llama.writeSamples(once.resolve("samples.json"), 2, 8));
    expected = once.resolve("expected");
    prune(expected, Progress.NONE);
    stopped = once.resolve("stopped");
    Pruning.stopped(3, stop -> prune(stopped, stop));
  }

  @BeforeEach
  void copy() {
    output = TestData.copy(stopped, directory.resolve("out"));
  }

  private static void prune(Path to, Progress progress) {
    prune(model, to, progress);
  }

  private static void prune(Path from, Path to, Progress progress) {
    PruneRequest request =
        Pruning.storing(
            Pruning.request(to, Method.WANDA, Pruning.HALF, Pruning.samples(samples), true, true),
            IoMode.DIRECT,
            Duration.ZERO);
    Pruning.prune(from, request, 1, progress);
  }

  private void assertGoesOn() {
    prune(output, Progress.NONE);
    Directories.assertSame(expected, output);
    try (Stream<Path> files = Files.walk(output)) {
      assertThat(files).noneMatch(Files::isSymbolicLink);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void removeAll(Path place) throws IOException {
    if (Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
      try (Stream<Path> paths = Files.walk(place)) {
        for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  /** Every name that a run writes. */
  private List<Path> names() {
    Path shard = output.resolve(SHARD);
    Path other = output.resolve("model-00002-of-00002.safetensors");
    return List.of(
        shard,
        AtomicWrite.temporary(shard),
        other,
        AtomicWrite.temporary(other),
        output.resolve(".wanda-cuda.states-0"),
        output.resolve(".wanda-cuda.states-1"),
        output.resolve(".wanda-cuda.masks"),
        output.resolve("tokenizer.json"),
        AtomicWrite.temporary(output.resolve("tokenizer.json")),
        output.resolve("sub/below/side.txt"),
        AtomicWrite.temporary(output.resolve("sub/below/side.txt")),
        output.resolve("model.safetensors.index.json"),
        output.resolve("config.json"),
        AtomicWrite.temporary(output.resolve("config.json")),
        output.resolve("wanda-cuda.json"),
        AtomicWrite.temporary(output.resolve(JOURNAL)));
  }

  /** What a name in the output is made to stand for. */
  enum Trap {
    LINK_TO_A_FILE,
    SECOND_NAME_OF_A_FILE,
    LINK_TO_THE_SOURCE,
    SECOND_NAME_OF_THE_SOURCE,
    LINK_TO_A_COPY,
    SECOND_NAME_OF_A_COPY,
    LINK_TO_A_DEVICE,
    LINK_TO_NOTHING
  }

  private void set(Trap trap, Path name) throws IOException {
    Path precious = Files.writeString(directory.resolve("precious"), "mine");
    Path source = model.resolve(SHARD);
    Path copy = directory.resolve("copy");
    Path shard = output.resolve(SHARD);
    Path begun = Files.exists(shard) ? shard : AtomicWrite.temporary(shard);
    if (!Files.exists(copy)) {
      Files.copy(Files.exists(begun) ? begun : source, copy);
    }
    Files.deleteIfExists(name);
    Files.createDirectories(name.getParent());
    switch (trap) {
      case LINK_TO_A_FILE -> Files.createSymbolicLink(name, precious);
      case SECOND_NAME_OF_A_FILE -> Files.createLink(name, precious);
      case LINK_TO_THE_SOURCE -> Files.createSymbolicLink(name, source);
      case SECOND_NAME_OF_THE_SOURCE -> Files.createLink(name, source);
      case LINK_TO_A_COPY -> Files.createSymbolicLink(name, copy);
      case SECOND_NAME_OF_A_COPY -> Files.createLink(name, copy);
      case LINK_TO_A_DEVICE -> Files.createSymbolicLink(name, Path.of("/dev/null"));
      case LINK_TO_NOTHING -> Files.createSymbolicLink(name, directory.resolve("nowhere"));
    }
  }

  /** Sets a trap for each of some names, and goes on. */
  private void assertNothingIsWritten(List<Path> names, IntFunction<Trap> traps)
      throws IOException {
    Path untouched = TestData.copy(model, directory.resolve("untouched"));
    removeAll(output);
    TestData.copy(stopped, output);
    for (int index = 0; index < names.size(); index++) {
      set(traps.apply(index), names.get(index));
    }
    byte[] copy = Files.readAllBytes(directory.resolve("copy"));
    assertGoesOn();
    Directories.assertSame(untouched, model);
    Directories.remove(untouched);
    assertThat(directory.resolve("precious")).hasContent("mine");
    assertThat(directory.resolve("copy")).as(names.toString()).hasBinaryContent(copy);
    assertThat(directory.resolve("nowhere")).doesNotExist();
  }

  /** Every name has every trap once. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  @FirstCases(2)
  void nothingIsWrittenThroughAnyOfTheNames(int first) throws IOException {
    Trap[] all = Trap.values();
    assertNothingIsWritten(names(), index -> all[(first + index) % all.length]);
  }

  @ParameterizedTest
  @EnumSource
  @Thorough
  void nothingIsWrittenThroughAName(Trap trap) throws IOException {
    for (Path name : names()) {
      assertNothingIsWritten(List.of(name), index -> trap);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aJournalWithAnotherNameIsRefused(Trap trap) throws IOException {
    Path journal = output.resolve(JOURNAL);
    Path copy = Files.copy(journal, directory.resolve("copy"));
    set(trap, journal);
    byte[] before = Files.readAllBytes(copy);
    assertThatThrownBy(() -> prune(output, Progress.NONE))
        .isInstanceOf(WandaException.class)
        .hasMessageContainingAll(journal.toString(), "take it away");
    assertThat(copy).hasBinaryContent(before);
    assertThat(directory.resolve("precious")).hasContent("mine");
    assertThat(directory.resolve("nowhere")).doesNotExist();
  }

  @Test
  void aLinkInAFoldersPlaceIsRefusedBeforeTheWork() throws IOException {
    Path outside = Files.createDirectory(directory.resolve("outside"));
    Files.createSymbolicLink(output.resolve("sub"), outside);
    long length = Files.size(output.resolve(JOURNAL));
    assertThatThrownBy(() -> prune(output, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContainingAll(output.resolve("sub").toString(), "a link");
    assertThat(outside).isEmptyDirectory();
    assertThat(Files.size(output.resolve(JOURNAL))).isEqualTo(length);
    Files.delete(output.resolve("sub"));
    assertGoesOn();
  }

  @Test
  void aFolderInAFilesPlaceDoesntStopARunForEver() throws IOException {
    for (Path name : names()) {
      removeAll(output);
      TestData.copy(stopped, output);
      Files.deleteIfExists(name);
      Files.createDirectories(name.resolve("mine"));
      assertThatThrownBy(() -> prune(output, Progress.NONE))
          .as(name.toString())
          .isInstanceOf(UsageException.class)
          .hasMessageContainingAll(name.toString(), "a folder", "take it away");
      assertThat(name.resolve("mine")).exists();
    }
    removeAll(output);
    TestData.copy(stopped, output);
    for (Path name : names()) {
      Files.deleteIfExists(name);
      Files.createDirectories(name);
    }
    assertGoesOn();
  }

  @Test
  void aShardThatIsTooLongIsGoneOnWith() throws IOException {
    Path shard = output.resolve(SHARD);
    Path begun = Files.exists(shard) ? shard : AtomicWrite.temporary(shard);
    Damage.resize(begun, 10_000);
    assertGoesOn();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.safetensors",
        "modeling_any.py",
        "added.json",
        "sub/added.py",
        "pytorch_model.bin"
      })
  void aFileThatALoaderReadsIsNoPartOfAnOutput(String name) throws IOException {
    Path added = output.resolve(name);
    Files.createDirectories(added.getParent());
    Files.writeString(added, "added");
    assertThatThrownBy(() -> prune(output, Progress.NONE))
        .isInstanceOf(UsageException.class)
        .hasMessageContainingAll(added.toString(), "no part of this run's output");
    Files.delete(added);
    assertThatThrownBy(
            () ->
                prune(
                    output,
                    (what, done, total, share) -> {
                      try {
                        Files.createDirectories(added.getParent());
                        Files.writeString(added, "added");
                      } catch (IOException e) {
                        throw new AssertionError(e);
                      }
                    }))
        .isInstanceOf(VerificationException.class)
        .hasMessageContainingAll(added.toString(), "did not write", "`resume`");
    assertThat(output.resolve("config.json")).doesNotExist();
    assertThat(added).hasContent("added");
    Files.delete(added);
    assertGoesOn();
  }

  @Test
  void notesBesideItAndLeftoversOfOtherRunsDontStopIt() throws IOException {
    List<Path> notes =
        Stream.of("README.txt", ".wanda-cuda-notes", ".wanda-cudarc", ".wanda-cuda.states-old")
            .map(output::resolve)
            .toList();
    for (Path each : notes) {
      Files.writeString(each, "notes");
    }
    Path left = AtomicWrite.temporary(output.resolve("left"));
    Files.writeString(left, "left");
    Files.createDirectories(output.resolve("sub"));
    Files.writeString(output.resolve("sub").resolve(left.getFileName()), "left");
    prune(output, Progress.NONE);
    for (Path each : notes) {
      assertThat(each).as("what no run has written").hasContent("notes");
      Files.delete(each);
    }
    Directories.assertSame(expected, output);
  }

  /** Records whose checksums are right and that no run has written. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"crc32c\":\"[^\"]*\" -> \"crc32c\":\"no\"",
        "\"crc32c\":\"[^\"]*\" -> \"crc32c\":\"0123456789abcdef\"",
        "\"crc32c\":\"[^\"]*\" -> \"crc32c\":[1]",
        "\"crc32c\" -> \"none\"",
        "\"pruned\":\\d+ -> \"pruned\":-1",
        "\"pruned\":\\d+ -> \"pruned\":1",
        "\"pruned\":\\d+ -> \"pruned\":\"x\"",
        "\"pruned\":\\d+ -> \"other\":0",
        "\"zeros\":\\d+ -> \"zeros\":9223372036854775807",
        "\"zeros\":\\d+ -> \"zeros\":1",
        "\"zero_rows\":\\d+ -> \"zero_rows\":-5",
        "\"norms\":\"[^\"]*\" -> \"norms\":\"!\"",
        "\"norms\":\"[^\"]*\" -> \"norms\":\"AAAA\"",
        "\"norms\":\"[^\"]*\" -> \"norms\":7",
        "\"norms\" -> \"other\"",
        "\"states\":\\d+ -> \"states\":1000000000",
        "\"states\":\\d+ -> \"states\":-1",
        "\"states\":\\d+ -> \"states\":{}",
        "\"tensor\":\"[^\"]*\" -> \"tensor\":\"unknown\"",
        "\"tensor\":\"[^\"]*\" -> \"tensor\":null",
        "\"tensor\":\"[^\"]*\" -> \"resumed\":\"x\"",
        "\"run\":\\{ -> \"run\":{\"other\":1,",
        "\"run\":\\{.*\\} -> \"run\":[]}",
        "\\{\"tensor\".* -> 5",
      })
  @FirstCases(6)
  void aRecordThatNoRunWroteIsNoInternalError(String edit) throws IOException {
    String[] parts = edit.split(" -> ");
    Path journal = output.resolve(JOURNAL);
    StringBuilder made = new StringBuilder();
    for (String line : Files.readAllLines(journal)) {
      String json = line.substring(9).replaceFirst(parts[0], parts[1]);
      MemorySegment bytes = MemorySegment.ofArray(json.getBytes(StandardCharsets.UTF_8));
      made.append(HexFormat.of().toHexDigits(Crc32c.of(bytes))).append(' ').append(json);
      made.append('\n');
    }
    Files.writeString(journal, made);
    Throwable failure = catchThrowable(() -> prune(output, Progress.NONE));
    if (failure == null) {
      Directories.assertSame(expected, output);
    } else {
      assertThat(failure)
          .isInstanceOfAny(UsageException.class, InputException.class, VerificationException.class);
    }
  }

  private static Set<PosixFilePermission> mode(Path path) throws IOException {
    return Files.getPosixFilePermissions(path);
  }

  @Test
  void whoMayNotReadTheSourceMayNotReadTheOutput() throws IOException {
    Set<PosixFilePermission> file = PosixFilePermissions.fromString("rw-------");
    Set<PosixFilePermission> folder = PosixFilePermissions.fromString("rwx------");
    Path secret = TestData.copy(model, directory.resolve("secret"));
    try (Stream<Path> paths = Files.walk(secret, FileVisitOption.FOLLOW_LINKS)) {
      for (Path path : paths.toList()) {
        Files.setPosixFilePermissions(path, Files.isDirectory(path) ? folder : file);
      }
    }
    for (Path to : List.of(directory.resolve("private"), output)) {
      // What was begun with other modes is no other run.
      removeAll(to);
      assertThatThrownBy(
              () ->
                  prune(
                      secret,
                      to,
                      (what, done, total, share) -> check(to, file, folder, done, total)))
          .isInstanceOf(IllegalStateException.class);
      prune(secret, to, Progress.NONE);
      assertModes(to, file, folder);
    }
  }

  /** Stops at the last block, after a look at all that is there. */
  private static void check(
      Path to,
      Set<PosixFilePermission> file,
      Set<PosixFilePermission> folder,
      long done,
      long total) {
    try {
      assertModes(to, file, folder);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    if (done == total) {
      throw new IllegalStateException("enough");
    }
  }

  /** Hidden states that the run removes meanwhile are passed over. */
  private static void assertModes(
      Path to, Set<PosixFilePermission> file, Set<PosixFilePermission> folder) throws IOException {
    Files.walkFileTree(
        to,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes)
              throws IOException {
            assertThat(mode(path)).as(path.toString()).isEqualTo(folder);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path path, BasicFileAttributes attributes)
              throws IOException {
            try {
              assertThat(mode(path)).as(path.toString()).isEqualTo(file);
            } catch (NoSuchFileException e) {
              assertIsTemporary(path);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path path, IOException e) {
            assertThat(e).isInstanceOf(NoSuchFileException.class);
            assertIsTemporary(path);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  /** Shards get their names, and blocks' states are deleted, while a run is looked at. */
  private static void assertIsTemporary(Path path) {
    assertThat(path.getFileName().toString()).startsWith(".wanda-cuda");
  }

  @Test
  void whatIsHiddenIsPrivateWhateverTheSourceIs() throws IOException {
    Set<PosixFilePermission> file = PosixFilePermissions.fromString("rw-------");
    for (String name : List.of(JOURNAL, ".wanda-cuda.states-0", ".wanda-cuda.states-1")) {
      assertThat(mode(output.resolve(name))).as(name).isEqualTo(file);
    }
    assertThat(mode(expected.resolve("wanda-cuda.json")))
        .isEqualTo(mode(model.resolve("config.json")));
  }
}
