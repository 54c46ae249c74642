package io.github.wandacuda.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The command line: picks the command, and turns what goes wrong into one line and an exit code.
 */
@Command(
    name = "wanda-cuda",
    description = "Prunes large language models by Wanda (arXiv 2306.11695), without retraining.",
    versionProvider = Version.class,
    mixinStandardHelpOptions = true,
    subcommands = {
      PruneCommand.class,
      CalibrateCommand.class,
      PerplexityCommand.class,
      InspectCommand.class,
      VerifyCommand.class,
      DevicesCommand.class
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:internal error",
      "2:usage: options, a non-empty output, N >= M",
      "3:bad input: model, text, statistics",
      "4:backend or device unavailable",
      "5:verification failed",
      "6:the output can't be written: space, rights",
      "130:interrupted (SIGINT)",
      "143:terminated (SIGTERM)"
    })
final class WandaCuda implements Runnable {
  @Spec private CommandSpec spec;

  private final PrintStream out;
  private final PrintStream err;

  WandaCuda(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "name a command; see --help");
  }

  /** Runs the command that {@code args} ask for and returns the exit code. */
  int run(String[] args) {
    List<String> words = Arrays.asList(args);
    Logging.configure(words.contains("--quiet"), words.contains("--verbose"));
    ErrorReporter errors = new ErrorReporter(err, words.contains("--verbose"));
    try {
      return new CommandLine(this)
          .setOut(new PrintWriter(out, true, StandardCharsets.UTF_8))
          .setErr(new PrintWriter(err, true, StandardCharsets.UTF_8))
          .setCaseInsensitiveEnumValuesAllowed(true)
          .setAbbreviatedOptionsAllowed(false)
          .setUsageHelpAutoWidth(true)
          .setParameterExceptionHandler((e, unparsed) -> errors.usage(e))
          .setExecutionExceptionHandler((e, commandLine, parsed) -> errors.report(e))
          .execute(args);
    } catch (Error e) {
      return errors.report(e);
    }
  }
}
