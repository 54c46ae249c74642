package io.github.wandacuda.cli;

import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Words;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** Runs commands in this JVM, for tables of many: no process has to start. */
final class InProcess {
  private InProcess() {}

  /** Runs the words of a line, as {@link Cli#words} has them. */
  static Ended line(String line, Object... values) {
    return run(Words.of(line, values));
  }

  /** Runs one. What libraries log isn't in its stderr. */
  static Ended run(Object... words) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Ended ended = to(new PrintStream(out, true, StandardCharsets.UTF_8), words);
    return new Ended(ended.exitCode(), out.toString(StandardCharsets.UTF_8), ended.err());
  }

  /** Runs one whose stdout goes elsewhere. */
  static Ended to(OutputStream out, Object... words) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Stderr stderr = new Stderr(new PrintStream(err, true, StandardCharsets.UTF_8));
    int exitCode = new WandaCuda(out, stderr).run(Words.texts(words));
    return new Ended(exitCode, "", err.toString(StandardCharsets.UTF_8));
  }

  /** Prunes half of a model by magnitude, and returns where. */
  static Path pruned(Path model, Path output) {
    line("prune --method magnitude --backend cpu --quiet --model %s --output %s", model, output)
        .succeeds();
    return output;
  }

  static Path packed(Path model, Path output) {
    line("pack --quiet --model %s --output %s", model, output).succeeds();
    return output;
  }

  /** Returns what parses these words. */
  static CommandLine commandLine(List<String> words) {
    OutputStream nowhere = OutputStream.nullOutputStream();
    return new WandaCuda(nowhere, new Stderr(new PrintStream(nowhere))).commandLine(words);
  }

  /** Returns what is known of all commands but {@code help}. */
  static List<CommandSpec> commands() {
    return commandLine(List.of()).getSubcommands().values().stream()
        .map(CommandLine::getCommandSpec)
        .filter(command -> !command.name().equals("help"))
        .toList();
  }
}
