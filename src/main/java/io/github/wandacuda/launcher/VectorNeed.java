package io.github.wandacuda.launcher;

import java.util.Arrays;
import java.util.List;

/** Tells which commands gain by the Vector API. The others need no second start of Java. */
final class VectorNeed {
  /** Commands that read, compare or add, without any kernel. */
  private static final List<String> COMMANDS_WITHOUT =
      Arrays.asList("inspect", "verify", "merge-lora");

  private static final List<String> HELP = Arrays.asList("--help", "-h");

  private VectorNeed() {}

  /**
   * Returns whether a command line gains by the Vector API.
   *
   * @param args the program's arguments: the command's name and its options, or options alone
   */
  static boolean of(String[] args) {
    boolean command = args.length > 0 && !args[0].startsWith("-");
    boolean helpOnCommand = args.length == 2 && HELP.contains(args[1]);
    return command && !helpOnCommand && !COMMANDS_WITHOUT.contains(args[0]);
  }
}
