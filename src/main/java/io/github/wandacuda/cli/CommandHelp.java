package io.github.wandacuda.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.IHelpSectionRenderer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;

/**
 * What {@code --help} shows: what a command does, examples (its {@code footer}), and its options by
 * groups, in which those come first that most runs need.
 */
final class CommandHelp {
  private static final String RARE = "Rarely needed";

  /** Groups by their titles, for all commands; each shows those of its own options. */
  static final SequencedMap<String, List<String>> GROUPS = new LinkedHashMap<>();

  static {
    group(
        "What",
        "--model --family --dense --pruned --zeros-of --check --prompt"
            + " --prompt-tokens --tokens --type",
        "--temperature --top-p --revision",
        "--method --methods --recipe --recipes --include --exclude --match --modules");
    group(
        "How much",
        "--structure --score --remove --multiple --sparsity --pattern --allocation --refine --update");
    group(
        "From what",
        "--calibration --tokenizer --statistics --masks --text --tasks --data --evaluate",
        "--samples --sequence-length --seed --join --windows --limit --second-moments --experts --speed");
    group(
        "Where to",
        "--output --cache --in-place --packed --report --save-statistics --save-calibration --save-masks",
        "--dry-run --resume --overwrite --json --log-likelihoods --quiet --verbose");
    group("Machine", "--backend --device --precision --threads --cluster --part");
    group(
        RARE,
        "--scope --shard-size --refine-swaps --requantize --unreached --combine-masks --no-bos",
        "--strict --no-card --io --checkpoint-every --no-verify --yes --help --version");
  }

  private CommandHelp() {}

  private static void group(String title, String... options) {
    GROUPS.put(title, List.of(String.join(" ", options).split(" ")));
  }

  /** Returns a command's options by their groups' titles; those in none are among the last. */
  public static SequencedMap<String, List<OptionSpec>> groups(CommandSpec command) {
    List<OptionSpec> left = new ArrayList<>(command.options());
    SequencedMap<String, List<OptionSpec>> groups = new LinkedHashMap<>();
    GROUPS.forEach(
        (title, names) -> {
          List<OptionSpec> group =
              names.stream()
                  .map(command::findOption)
                  .filter(left::contains)
                  .collect(Collectors.toCollection(ArrayList::new));
          left.removeAll(group);
          groups.put(title, group);
        });
    groups.get(RARE).addAll(left);
    groups.values().removeIf(List::isEmpty);
    return groups;
  }

  public static void show(CommandLine program) {
    for (CommandLine command : program.getSubcommands().values()) {
      UsageMessageSpec usage = command.getCommandSpec().usageMessage();
      usage.abbreviateSynopsis(true).synopsisHeading("%nUsage: ");
      Map<String, IHelpSectionRenderer> sections = usage.sectionMap();
      sections.put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, CommandHelp::options);
      usage.sectionMap(sections);
      usage.sectionKeys(
          List.of(
              UsageMessageSpec.SECTION_KEY_DESCRIPTION,
              UsageMessageSpec.SECTION_KEY_FOOTER_HEADING,
              UsageMessageSpec.SECTION_KEY_FOOTER,
              UsageMessageSpec.SECTION_KEY_SYNOPSIS_HEADING,
              UsageMessageSpec.SECTION_KEY_SYNOPSIS,
              UsageMessageSpec.SECTION_KEY_PARAMETER_LIST,
              UsageMessageSpec.SECTION_KEY_OPTION_LIST));
    }
  }

  private static String options(Help help) {
    CommandSpec command = help.commandSpec();
    StringBuilder text = new StringBuilder();
    groups(command)
        .forEach(
            (title, group) ->
                text.append("%n%s:%n".formatted(title))
                    .append(
                        help.optionListExcludingGroups(
                            group,
                            help.createDefaultLayout(
                                command.options(), List.of(), help.colorScheme()),
                            null,
                            help.parameterLabelRenderer())));
    return text.toString();
  }
}
