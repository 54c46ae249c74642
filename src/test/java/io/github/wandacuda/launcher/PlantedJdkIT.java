package io.github.wandacuda.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.launcher.trust.OwnUser;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Starts the launcher on an older Java where somebody else may have planted a JDK. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "copies a Java as Linux lays it out")
@Thorough
class PlantedJdkIT {
  private static final String PLANTED = "this was planted";
  private static final int NOBODY = 65534;

  /** Where anybody may write: what JUnit makes lies in the system's temporary directory. */
  @TempDir static Path directory;

  private static Path jar;

  @BeforeAll
  static void buildJar() throws IOException {
    jar = ProbeJar.in(directory);
    Path shared = Files.createDirectories(directory.resolve("shared"));
    Files.setPosixFilePermissions(shared, PosixFilePermissions.fromString("rwxrwxrwx"));
    Files.setAttribute(shared, "unix:mode", 01777);
    plant(shared.resolve("jdk-25"));
  }

  /** A program in the place of a JDK 25's. */
  private static void plant(Path home) throws IOException {
    Path java = FakeJdk.at(home, "25.0.3").resolve("bin/java");
    Files.writeString(java, "#!/bin/sh\necho " + PLANTED + "\n");
    Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static Ended run(List<String> variables, Object... command) {
    List<String> all = new ArrayList<>(List.of("JAVA_HOME="));
    all.addAll(variables);
    return Javas.command(all, command).run();
  }

  private static List<String> command(String java, Object... more) {
    return List.of(Words.texts(more, java, "-jar", jar, "show"));
  }

  private static void assertNotPlanted(Ended program) {
    assertThat(program.said()).doesNotContain(PLANTED + "\n");
  }

  @Test
  void aJdkPlantedBesideAnOlderJavaIsNotRun() throws Exception {
    Path java = copyOf(Path.of(Javas.OLDER.command()), directory.resolve("shared/jdk-17"));
    Ended program = run(List.of(), command(java.toString()));
    assertNotPlanted(program);
    assertThat(program.out()).contains("vector=true");
    assertThat(program.err()).isEmpty();
  }

  /** Copies what a Java finds its home by; all else are links. */
  private static Path copyOf(Path java, Path home) throws IOException {
    Path original = java.toRealPath().getParent().getParent();
    Path library = Files.createDirectories(home.resolve("lib/server")).getParent();
    Path bin = Files.createDirectory(home.resolve("bin"));
    try (Stream<Path> all = Files.list(original.resolve("lib"))) {
      for (Path each : (Iterable<Path>) all.filter(path -> !path.endsWith("server"))::iterator) {
        Files.createSymbolicLink(library.resolve(each.getFileName()), each);
      }
    }
    Files.copy(original.resolve("lib/server/libjvm.so"), library.resolve("server/libjvm.so"));
    Files.delete(library.resolve("libjli.so"));
    Files.copy(original.resolve("lib/libjli.so"), library.resolve("libjli.so"));
    Files.createSymbolicLink(home.resolve("conf"), original.resolve("conf"));
    return Files.copy(java.toRealPath(), bin.resolve("java"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"JAVA_HOME=%s/jdk-25", "PATH=%s/jdk-25/bin:/usr/bin:/bin"})
  void norOneThatTheEnvironmentLeadsTo(String variable) throws Exception {
    String shared = directory.resolve("shared").toString();
    List<String> variables = List.of(String.format(variable, shared));
    Ended program = run(variables, command(Javas.OLDER.command()));
    assertNotPlanted(program);
    boolean named = variable.startsWith("JAVA_HOME");
    assertThat(program.err().contains("passed over JAVA_HOME, " + shared)).isEqualTo(named);
    assertThat(program.err()).hasLineCount(named ? 1 : 0);
  }

  @ParameterizedTest
  @CsvSource({"show, 1", "show --quiet, 0"})
  void aRelativeJavaHomeIsNotRun(String arguments, int lines) throws Exception {
    List<Object> command =
        Words.of(
            "/usr/bin/env -C %s %s -jar %s",
            directory.resolve("shared"), Javas.OLDER.command(), jar, arguments.split(" "));
    Ended program = run(List.of("JAVA_HOME=jdk-25"), command);
    assertNotPlanted(program);
    assertThat(program.exitCode()).isZero();
    assertThat(program.err()).hasLineCount(lines);
    assertThat(program.err())
        .isIn("", "wanda-cuda: passed over JAVA_HOME, jdk-25: it is no absolute path\n");
  }

  /** Root's folders are trusted by all, another user's by none, one's own by oneself. */
  @ParameterizedTest
  @CsvSource({"0, true", "65534, true", "54321, false"})
  void anotherUserTrustsRootAndItself(int owner, boolean trusted) throws Exception {
    Assumptions.assumeTrue(OwnUser.get() == 0, "only root may become another user");
    Path place = Files.createTempDirectory(Path.of("/opt"), "jdk-of-" + owner);
    try {
      Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxr-xr-x"));
      Path home = place.resolve("jdk");
      plant(home);
      Files.setAttribute(home, "unix:uid", owner);
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
      String user = "--reuid=" + NOBODY;
      List<String> command =
          command(Javas.OLDER.command(), "/usr/bin/setpriv", user, "--clear-groups");
      Ended program = run(List.of("JAVA_HOME=" + home), command).succeeds();
      assertThat(program.out().contains(PLANTED)).as(program.err()).isEqualTo(trusted);
      String objection = home + " belongs to user " + owner;
      assertThat(program.err().contains(objection)).isEqualTo(!trusted);
    } finally {
      try (Stream<Path> all = Files.walk(place)) {
        all.sorted(Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
      }
    }
  }
}
