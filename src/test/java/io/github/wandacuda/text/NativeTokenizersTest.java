package io.github.wandacuda.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.Thorough;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each test runs processes of its own, as a process loads the library only once. */
class NativeTokenizersTest {
  private static final String EXPECTED = "[1, 260]\n";

  @TempDir private Path directory;
  private Path home;
  private Path temporary;

  @BeforeEach
  void makeFolders() throws IOException {
    home = Files.createDirectory(directory.resolve("home"));
    temporary = Files.createDirectory(directory.resolve("temporary"));
  }

  @Test
  @Thorough
  void keepsTheLibraryInTheHomeAndSaysNothing() throws Exception {
    assertThat(printed(home)).isEqualTo(EXPECTED);
    assertThat(files(home.resolve(".djl.ai/tokenizers"))).hasSize(1);
    assertThat(files(temporary)).isEmpty();
  }

  @Test
  @Thorough
  void servesTwoProcessesThatStartAtOnce() throws Exception {
    List<Started> both = List.of(start(home), start(home));
    for (Started process : both) {
      assertThat(process.end().said()).isEqualTo(EXPECTED);
    }
    assertThat(files(home.resolve(".djl.ai/tokenizers"))).hasSize(1);
  }

  @Test
  @Thorough
  void leavesNothingBehindWhereThereIsNoHome() throws Exception {
    assertThat(printed(directory.resolve("nowhere"))).isEqualTo(EXPECTED);
    assertThat(files(temporary)).isEmpty();
    assertThat(directory.resolve("nowhere")).doesNotExist();
  }

  @Test
  @Thorough
  void leavesNothingBehindWhereItsFolderInTheHomeIsTaken() throws Exception {
    Files.writeString(home.resolve(".djl.ai"), "a file");
    assertThat(printed(home)).isEqualTo(EXPECTED);
    assertThat(files(temporary)).isEmpty();
  }

  /** What lies there is no library: whoever loaded it would fail. */
  @ParameterizedTest
  @ValueSource(strings = {"rwxrwxrwx", "rwxrwx---"})
  @FirstCases
  void loadsNothingOutOfAFolderThatOthersCanWriteTo(String permissions) throws Exception {
    assertThat(printed(home)).isEqualTo(EXPECTED);
    Path folder = files(home.resolve(".djl.ai/tokenizers")).get(0);
    for (Path library : files(folder)) {
      Files.writeString(library, "planted");
    }
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(permissions));
    assertThat(printed(home)).isEqualTo(EXPECTED);
    assertThat(files(temporary)).isEmpty();
  }

  @Test
  void loadsNothingOverALink() throws Exception {
    Path planted = Files.createDirectories(directory.resolve("planted/tokenizers"));
    Files.setPosixFilePermissions(planted, PosixFilePermissions.fromString("rwxrwxrwx"));
    Files.createSymbolicLink(home.resolve(".djl.ai"), planted.getParent());
    assertThat(printed(home)).isEqualTo(EXPECTED);
    assertThat(files(planted)).isEmpty();
  }

  @Test
  void refusesAFolderOfTheUsersThatOthersCanWriteTo() throws Exception {
    Path cache = Files.createDirectory(directory.resolve("cache"));
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(printed(home, "-DDJL_CACHE_DIR=" + cache))
        .contains("expected a folder that only you can write to");
  }

  @Test
  @Thorough
  void usesTheFolderThatTheUserNamed() throws Exception {
    Path cache = directory.resolve("cache");
    assertThat(printed(home, "-DDJL_CACHE_DIR=" + cache)).isEqualTo(EXPECTED);
    assertThat(files(cache)).hasSize(1);
    assertThat(files(home)).isEmpty();
  }

  @Test
  void saysInOneLineThatTheLibraryCannotBeLoaded() throws Exception {
    Path taken = Files.writeString(directory.resolve("taken"), "a file");
    String output = printed(home, "-DDJL_CACHE_DIR=" + taken);
    assertThat(output.lines().filter(line -> !line.startsWith("\t")))
        .anyMatch(
            line ->
                line.contains("BackendUnavailableException: the tokenizer library for ")
                    && line.contains(" cannot be unpacked or loaded: "))
        .noneMatch(line -> line.contains("LibUtils"));
  }

  private String printed(Path userHome, String... options) {
    return start(userHome, options).end().said();
  }

  private Started start(Path userHome, String... options) {
    List<String> all = new ArrayList<>(List.of(options));
    all.add("-Duser.home=" + userHome);
    all.add("-Djava.io.tmpdir=" + temporary);
    // As the program sets it.
    all.add("-Dorg.slf4j.simpleLogger.log.ai.djl=off");
    all.add("--enable-native-access=ALL-UNNAMED");
    return Command.main(all, TokenizeOnce.class, TestFiles.MODEL, "a").start();
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  /** A program that tokenizes its second argument with the model in its first. */
  static final class TokenizeOnce {
    private TokenizeOnce() {}

    public static void main(String[] arguments) {
      try (DjlTokenizer tokenizer = DjlTokenizer.open(TokenizerFile.in(Path.of(arguments[0])))) {
        System.out.println(Arrays.toString(tokenizer.encode(arguments[1])));
      }
    }
  }
}
