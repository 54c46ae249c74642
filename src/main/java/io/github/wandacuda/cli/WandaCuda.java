package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cli.option.OptionValues;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.ProgressScreen;
import io.github.wandacuda.cli.option.StructureOptions;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.report.RunFacts;
import io.github.wandacuda.system.ThisRuntime;
import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The command line: runs a command, and reports a failure in one line and by an exit code. */
@Command(
    name = "wanda-cuda",
    description = "Prunes large language models by Wanda (arXiv 2306.11695), without retraining.",
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:internal error",
      "2:usage: options, a non-empty output, N >= M",
      "3:bad input: model, text, statistics",
      "4:backend or device unavailable",
      "5:verification failed",
      "6:the output can't be written: space, rights; or the limit on open files",
      "7:no connection (download alone)",
      "130:interrupted (SIGINT)",
      "143:terminated (SIGTERM)"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  wanda-cuda download org/model && wanda-cuda download c4",
      "  wanda-cuda prune --model org/model --calibration c4 --output pruned",
      "  wanda-cuda verify --dense org/model --pruned pruned"
    })
final class WandaCuda implements Callable<Integer>, ProgressScreen {
  private static final List<String> COMMANDS =
      List.of(
          ("prune calibrate perplexity compare evaluate generate inspect verify "
                  + "pack unpack convert download devices")
              .split(" "));

  private static final String COMPLETION = "generate-completion";

  private static final String WHAT_IT_IS =
      """
      wanda-cuda makes large language models smaller without retraining: it sets the weights to zero
      that matter least (Wanda, arXiv 2306.11695), or removes experts, blocks, channels or heads.
      It reads safetensors shards from disk, also of models larger than memory, on a CPU or a GPU
      (CUDA, OpenCL), and writes a checkpoint that loads where the source does. That each kept byte
      is the source's can be proved. What most people run:

      %s

      wanda-cuda --help lists all commands.
      """;

  @Spec private CommandSpec spec;

  private final Stdout out;
  private final Stderr err;

  /** Creates the command line with a stream for results that isn't buffered. */
  public WandaCuda(OutputStream out, Stderr err) {
    this.out = new Stdout(out);
    this.err = err;
  }

  /** Returns a command's class; the classes of the others needn't be loaded. */
  private static Class<?> command(String name) {
    return switch (name) {
      case "prune" -> PruneCommand.class;
      case "calibrate" -> CalibrateCommand.class;
      case "perplexity" -> PerplexityCommand.class;
      case "compare" -> CompareCommand.class;
      case "evaluate" -> EvaluateCommand.class;
      case "generate" -> GenerateCommand.class;
      case "inspect" -> InspectCommand.class;
      case "verify" -> VerifyCommand.class;
      case "pack" -> PackingCommand.Pack.class;
      case "unpack" -> PackingCommand.Unpack.class;
      case "convert" -> ConvertCommand.class;
      case "download" -> DownloadCommand.class;
      case "devices" -> DevicesCommand.class;
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** Says what the program is to those who name no command. */
  @Override
  public Integer call() {
    String examples = String.join("\n", spec.usageMessage().footer());
    spec.commandLine().getErr().print(WHAT_IT_IS.formatted(examples));
    spec.commandLine().getErr().flush();
    return spec.exitCodeOnInvalidInput();
  }

  /**
   * Sets up only the command that the words name, or all commands if they name none, because
   * picocli reads options by reflection, which takes 50 ms for all commands.
   */
  CommandLine commandLine(List<String> words) {
    CommandLine line = new CommandLine(this);
    line.getCommandSpec().version("wanda-cuda " + ThisRuntime.programVersion());
    String asked = words.isEmpty() ? "" : words.get(0);
    List<String> shown = COMMANDS.contains(asked) ? List.of(asked) : COMMANDS;
    for (String name : shown) {
      line.addSubcommand(name, command(name));
    }
    if (shown == COMMANDS) {
      line.addSubcommand("help", new CommandLine.HelpCommand());
      // A command of help takes any word.
      line.addSubcommand(
          COMPLETION,
          CommandSpec.forAnnotatedObject(new AutoComplete.GenerateCompletion()).helpCommand(false));
    }
    if (asked.equals(COMPLETION)) {
      OptionValues.offerWords(line);
    }
    CommandHelp.show(line);
    return OptionValues.readBy(line)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setAbbreviatedOptionsAllowed(false)
        .setUsageHelpAutoWidth(true)
        .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
  }

  @Override
  public Progress progress() {
    return new ProgressPrinter(err, Stderr.isTerminal());
  }

  @Override
  public void hide() {
    err.hide();
  }

  /** Runs the command that the arguments name and returns the exit code. */
  public int run(String[] args) {
    List<String> words = Arrays.asList(args);
    ErrorReporter errors = new ErrorReporter(err.printer(), words);
    try {
      OutputOptions.configureLogging(words.contains("--quiet"), words.contains("--verbose"));
      int exitCode = InputFile.during(() -> execute(words, errors));
      if (exitCode == 0) {
        requireWritten();
      }
      return exitCode;
    } catch (RuntimeException | Error e) {
      return errors.report(e, option -> true);
    }
  }

  private void requireWritten() {
    if (out.failure().isPresent()) {
      IOException failure = out.failure().get();
      if (isReaderGone(failure)) {
        return;
      }
      throw new OutputException(
          "stdout: the result can't be written: " + Printable.reason(failure), failure);
    }
  }

  /** Returns whether whoever read a pipe has read enough, as {@code head} does. */
  private static boolean isReaderGone(IOException failure) {
    return "Broken pipe".equals(failure.getMessage());
  }

  private int execute(List<String> words, ErrorReporter errors) {
    PrintWriter results =
        new PrintableStream(new BufferedOutputStream(out), false, StandardCharsets.UTF_8).writer();
    int exitCode =
        commandLine(words)
            .setOut(results)
            .setErr(err.printer().writer())
            .setParameterExceptionHandler((e, unparsed) -> errors.usage(e))
            .setExecutionExceptionHandler(
                (e, line, parsed) ->
                    errors.report(
                        e,
                        option ->
                            line.getCommandSpec().optionsMap().containsKey(option)
                                && !(line.getParseResult()
                                        .hasMatchedOption(StructureOptions.STRUCTURE)
                                    && StructureOptions.EXCLUDED.contains(option))))
            .execute(words.toArray(String[]::new));
    results.flush();
    return exitCode;
  }

  /**
   * Returns what a report says of a run that has just ended, whose results depend on the inputs.
   */
  static RunFacts facts(
      ModelDirectory model, Backend backend, OutputOptions output, Map<String, Object> inputs) {
    return new RunFacts(
        model.path(),
        ThisRuntime.programVersion(),
        backend.name(),
        backend.device(),
        Precision.label(backend.precision()),
        Instant.now(),
        output.words(),
        inputs);
  }

  /** The stream for results. It remembers a failed write, which printers ignore. */
  private static final class Stdout extends FilterOutputStream {
    private IOException failure;

    Stdout(OutputStream out) {
      super(out);
    }

    @Override
    public void write(int value) throws IOException {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int count) throws IOException {
      try {
        out.write(bytes, from, count);
      } catch (IOException e) {
        failure = failure == null ? e : failure;
        throw e;
      }
    }

    Optional<IOException> failure() {
      return Optional.ofNullable(failure);
    }
  }
}
