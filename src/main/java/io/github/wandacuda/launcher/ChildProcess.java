package io.github.wandacuda.launcher;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Runs the program in a child process. */
final class ChildProcess {
  private ChildProcess() {}

  /**
   * Starts a program with this process's streams, relays signals to it and waits until it ends. The
   * same thread must start it and wait, since the child takes the end of that thread for the end of
   * its parent.
   *
   * @param command the program and its arguments
   * @param withoutVariables names of environment variables that the program must not inherit
   * @param variables additional environment variables
   * @return the program's exit code; 128 and the signal's number if a signal ended it
   * @throws IOException if the program can't be started
   */
  static int run(List<String> command, List<String> withoutVariables, Map<String, String> variables)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(forThisSystem(command)).inheritIO();
    builder.environment().keySet().removeAll(withoutVariables);
    builder.environment().putAll(variables);
    Process process = builder.start();
    SignalRelay.to(process);
    return process.waitFor();
  }

  private static List<String> forThisSystem(List<String> command) {
    if (File.separatorChar != '\\') {
      return command;
    }
    List<String> quoted = new ArrayList<>();
    for (String word : command) {
      quoted.add(quotedForWindows(word));
    }
    return quoted;
  }

  /**
   * Quotes a word for Windows if ProcessBuilder doesn't: an empty one, one with quotes, and one
   * with wildcards, which Java would expand.
   */
  static String quotedForWindows(String word) {
    if (!word.isEmpty()
        && word.indexOf('"') < 0
        && word.indexOf('*') < 0
        && word.indexOf('?') < 0) {
      return word;
    }
    StringBuilder quoted = new StringBuilder("\"");
    int backslashes = 0;
    for (char c : word.toCharArray()) {
      if (c == '"') {
        append(quoted, '\\', backslashes + 1);
      }
      backslashes = c == '\\' ? backslashes + 1 : 0;
      quoted.append(c);
    }
    append(quoted, '\\', backslashes);
    return quoted.append('"').toString();
  }

  private static void append(StringBuilder text, char c, int times) {
    for (int i = 0; i < times; i++) {
      text.append(c);
    }
  }
}
