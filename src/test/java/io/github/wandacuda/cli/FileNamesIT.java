package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.ProcessOutcome;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names beyond ASCII where no locale was chosen, as in a container. */
class FileNamesIT {
  private static final List<String> NAMES =
      List.of("日本.txt", "é.txt", "è.txt", "dossier/à.txt", "ordner-ü/ß.txt", "ordner-ü/ä/ö.txt");

  @TempDir Path directory;

  private Path model;

  @BeforeEach
  void write() throws IOException {
    assumeTrue(
        Charset.forName(System.getProperty("sun.jnu.encoding")).equals(StandardCharsets.UTF_8),
        "skipped: this JVM itself has no names beyond ASCII");
    model = new GeneratedLlama(1, 32, 64, 50).write(directory.resolve("model"));
    for (String name : NAMES) {
      Path file = model.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
  }

  private ProcessOutcome run(List<String> start, Object... words) throws IOException {
    List<String> command = new ArrayList<>(List.of("env", "-u", "LC_ALL", "-u", "LC_CTYPE"));
    command.add("LANG=");
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(start);
    Arrays.stream(words).map(Object::toString).forEach(command::add);
    return ProcessOutcome.of(command, 60);
  }

  /**
   * As where there is no other locale to start again in: names come from the system as they are.
   */
  @Test
  void filesAreCopiedUnderTheNamesThatTheyHave() throws IOException {
    List<String> main =
        List.of(
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            "target/wanda-cuda.jar",
            "io.github.wandacuda.cli.Main");
    Path output = directory.resolve("out");
    Object[] prune = {
      "prune", "--model", model, "--output", output, "--method", "magnitude", "--backend", "cpu"
    };
    ProcessOutcome pruned = run(main, prune);
    assertThat(pruned.exitCode()).as(pruned.output()).isZero();
    for (String name : NAMES) {
      assertThat(output.resolve(name)).hasContent(name);
    }
    ProcessOutcome verified = run(main, "verify", "--dense", model, "--pruned", output);
    assertThat(verified.exitCode()).as(verified.output()).isZero();
  }

  @Test
  void optionsNameFilesBeyondAscii() throws IOException {
    assumeTrue(
        ProcessOutcome.of(List.of("locale", "-a"), 10).output().toLowerCase().contains("c.utf"),
        "skipped: there is no C.UTF-8 to start again in");
    Path here = Files.createDirectories(directory.resolve("données"));
    Path source = Files.move(model, here.resolve("modèle"));
    Path output = here.resolve("élagué");
    Path report = here.resolve("résumé.json");
    ProcessOutcome pruned =
        run(
            List.of("-jar", "target/wanda-cuda.jar"),
            "prune",
            "--model",
            source,
            "--output",
            output,
            "--method",
            "magnitude",
            "--backend",
            "cpu",
            "--report",
            report);
    assertThat(pruned.exitCode()).as(pruned.output()).isZero();
    assertThat(Directories.files(output)).containsAll(Directories.files(source));
    assertThat(report).isRegularFile();
  }
}
