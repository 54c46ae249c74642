package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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

  private static Ended run(List<Object> start, Object... words) throws IOException {
    return Command.java(start, words)
        .without("LC_ALL")
        .without("LC_CTYPE")
        .with(Map.of("LANG", ""))
        .run();
  }

  /**
   * As where there is no other locale to start again in: names come from the system as they are.
   */
  @Test
  void filesAreCopiedUnderTheNamesThatTheyHave() throws IOException {
    List<Object> main =
        Words.of(
            "--add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp %s %s",
            Command.JAR, Main.class.getName());
    Path output = directory.resolve("out");
    List<Object> prune =
        Words.of("prune --model %s --output %s --method magnitude --backend cpu", model, output);
    Ended pruned = run(main, prune).succeeds();
    for (String name : NAMES) {
      assertThat(output.resolve(name)).hasContent(name);
    }
    run(main, "verify", "--dense", model, "--pruned", output).succeeds();
  }

  @Test
  void optionsNameFilesBeyondAscii() throws IOException {
    assumeTrue(
        Command.of("locale", "-a").within(10).run().said().toLowerCase().contains("c.utf"),
        "skipped: there is no C.UTF-8 to start again in");
    Path here = Files.createDirectories(directory.resolve("données"));
    Path source = Files.move(model, here.resolve("modèle"));
    Path output = here.resolve("élagué");
    Path report = here.resolve("résumé.json");
    run(
            List.of("-jar", Command.JAR),
            Words.of(
                "prune --model %s --output %s --method magnitude --backend cpu --report %s",
                source, output, report))
        .succeeds();
    assertThat(Directories.files(output)).containsAll(Directories.files(source));
    assertThat(report).isRegularFile();
  }
}
