package io.github.wandacuda.cli.option;

import io.github.wandacuda.model.ModuleChoice;
import java.util.List;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/** Which linear modules are pruned, by regular expressions that are found in their names. */
public final class ModuleOptions {
  @Option(
      names = "--include",
      paramLabel = "REGEX",
      description =
          "Prune only linear modules in whose name this is found (default: all but routers)."
              + " Repeatable.")
  private List<Pattern> include = List.of();

  @Option(
      names = "--exclude",
      paramLabel = "REGEX",
      description = "Leave out linear modules in whose name this is found. Repeatable.")
  private List<Pattern> exclude = List.of();

  public boolean given() {
    return !include.isEmpty() || !exclude.isEmpty();
  }

  public ModuleChoice choice() {
    return new ModuleChoice(include, exclude);
  }
}
