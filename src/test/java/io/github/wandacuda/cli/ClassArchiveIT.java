package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.GeneratedLlama;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/** The archive of classes is made after a run, used by the next ones, and never seen. */
@EnabledOnOs(value = OS.LINUX, disabledReason = "there is no archive elsewhere")
class ClassArchiveIT {
  private static final long PATIENCE_MILLIS = 60_000;
  private static final String OPTION = "-XX:SharedArchiveFile=";

  private static Path model;
  private static Path statistics;

  /** Where only this user can change anything, which isn't so in temporary directories. */
  @TempDir(factory = InHome.class)
  private Path caches;

  static final class InHome implements TempDirFactory {
    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context)
        throws IOException {
      return Files.createTempDirectory(Path.of(System.getProperty("user.home")), "archive-test");
    }
  }

  @BeforeAll
  static void makeModel(@TempDir Path directory) throws IOException {
    GeneratedLlama llama = new GeneratedLlama(2, 64, 128, 64);
    model = llama.write(directory.resolve("model"));
    statistics = llama.writeStatistics(directory.resolve("norms.safetensors"));
  }

  private ProcessBuilder prune(Path output) {
    ProcessBuilder command =
        Cli.command(
            "prune",
            "--model",
            model,
            "--statistics",
            statistics,
            "--backend",
            "cpu",
            "--quiet",
            "--output",
            output);
    command.environment().put("XDG_CACHE_HOME", caches.toString());
    return command;
  }

  private void prunes(Path directory, String name) {
    Cli.Result result = Cli.run(prune(directory.resolve(name)));
    assertThat(result.err()).isEmpty();
    assertThat(result.exitCode()).isZero();
    assertThat(result.out()).contains("masks    sha256");
  }

  private List<Path> files() throws IOException {
    Path directory = caches.resolve("wanda-cuda/java");
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files.toList();
    }
  }

  /** Waits until nothing but an archive is there. */
  private Path archive() throws Exception {
    long start = System.currentTimeMillis();
    while (true) {
      List<Path> files = files();
      if (files.size() == 1 && files.getFirst().toString().endsWith(".jsa")) {
        return files.getFirst();
      }
      if (System.currentTimeMillis() - start > PATIENCE_MILLIS) {
        throw new AssertionError("no archive, but " + files);
      }
      Thread.sleep(100);
    }
  }

  /** Starts Java with the archive as the launcher does, except that the JVM must take it. */
  private static Cli.Result start(Path archive, String... options) {
    List<String> command = Cli.command("--version").command();
    List<String> line = new ArrayList<>(List.of(command.getFirst(), OPTION + archive));
    line.addAll(List.of(options));
    line.addAll(command.subList(1, command.size()));
    return Cli.run(new ProcessBuilder(line));
  }

  @Test
  void aRunMakesItAndTheJvmTakesIt(@TempDir Path directory) throws Exception {
    prunes(directory, "first");
    Path archive = archive();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(archive.getParent())))
        .isEqualTo("rwx------");
    Cli.Result started = start(archive, "-Xshare:on", "-XX:+UseSerialGC", "-Xlog:class+load");
    assertThat(started.exitCode()).as(started.out() + started.err()).isZero();
    assertThat(started.out())
        .containsPattern("wandacuda.cli.WandaCuda source: shared objects file \\(top\\)");
    prunes(directory, "second");
    assertThat(archive()).isEqualTo(archive);
  }

  @Test
  void whatIsNoArchiveIsPassedOver(@TempDir Path directory) throws Exception {
    prunes(directory, "first");
    Path archive = archive();
    byte[] whole = Files.readAllBytes(archive);
    Files.setPosixFilePermissions(archive, PosixFilePermissions.fromString("rw-r--r--"));
    try (FileChannel file = FileChannel.open(archive, StandardOpenOption.WRITE)) {
      file.truncate(whole.length / 2);
    }
    prunes(directory, "truncated");
    Files.write(archive, new byte[0]);
    prunes(directory, "empty");
    Files.write(
        archive,
        "no archive, but a text of some length".repeat(99).getBytes(StandardCharsets.US_ASCII));
    prunes(directory, "foreign");
    whole[40] ^= 1;
    Files.write(archive, whole);
    prunes(directory, "damaged");
  }

  @Test
  void manyFirstRunsMakeOne(@TempDir Path directory) throws Exception {
    List<Process> runs = new ArrayList<>();
    for (int run = 0; run < 4; run++) {
      runs.add(prune(directory.resolve("output" + run)).inheritIO().start());
    }
    for (Process run : runs) {
      assertThat(run.waitFor()).isZero();
    }
    archive();
  }

  @Test
  void whereNothingCanBeWrittenNothingIsSaid(@TempDir Path directory) throws Exception {
    Files.createFile(caches.resolve("wanda-cuda"));
    prunes(directory, "output");
    assertThat(caches.resolve("wanda-cuda")).isEmptyFile();
  }

  @Test
  void whereOthersMayWriteThereIsNone(@TempDir Path directory) throws Exception {
    Files.setPosixFilePermissions(caches, PosixFilePermissions.fromString("rwxrwxrwx"));
    prunes(directory, "output");
    assertThat(files()).isEmpty();
  }

  @Test
  void itIsMadeAgainOnlyAfterADay(@TempDir Path directory) throws Exception {
    prunes(directory, "first");
    Path archive = archive();
    Files.delete(archive);
    Path begun = Files.createFile(archive.resolveSibling(archive.getFileName() + ".begun"));
    prunes(directory, "second");
    assertThat(files()).containsExactly(begun);
    Files.setLastModifiedTime(begun, FileTime.fromMillis(0));
    prunes(directory, "third");
    assertThat(archive()).isEqualTo(archive);
  }

  @Test
  void theUserCanSayOff(@TempDir Path directory) throws Exception {
    ProcessBuilder command = prune(directory.resolve("output"));
    command.command().add(1, "-Dwandacuda.archive=off");
    assertThat(Cli.run(command).exitCode()).isZero();
    assertThat(files()).isEmpty();
  }
}
