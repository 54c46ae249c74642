package io.github.wandacuda.launcher;

import java.util.Arrays;
import java.util.List;

/**
 * Whether what the user asks for gains by the Vector API. What doesn't is spared a second start.
 */
final class VectorNeed {
  /** Commands that only read and compare, as fast as the files come. */
  private static final List<String> COMMANDS_WITHOUT = Arrays.asList("inspect", "verify");

  private static final List<String> HELP = Arrays.asList("--help", "-h");

  private VectorNeed() {}

  /**
   * Tells it of a command line.
   *
   * @param args the program's arguments: the command's name and its options, or options that stand
   *     for themselves
   */
  static boolean of(String[] args) {
    boolean command = args.length > 0 && !args[0].startsWith("-");
    boolean helpOnCommand = args.length == 2 && HELP.contains(args[1]);
    return command && !helpOnCommand && !COMMANDS_WITHOUT.contains(args[0]);
  }
}
