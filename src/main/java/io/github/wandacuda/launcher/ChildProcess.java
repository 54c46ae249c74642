package io.github.wandacuda.launcher;

import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** A child that stands for this process: its streams, signals and exit code are the child's. */
final class ChildProcess {
  private static final boolean WINDOWS = File.separatorChar == '\\';

  /** What asks a process to end. On Windows Ctrl-C reaches all processes of a console. */
  private static final List<String> SIGNALS = WINDOWS ? List.of() : List.of("INT", "TERM", "HUP");

  private ChildProcess() {}

  /**
   * Starts a program with this process's streams, relays signals to it, waits until it ends and
   * returns its exit code, 128 and the signal's number if a signal ended it. The same thread must
   * start it and wait, since the child takes the end of that thread for the end of its parent.
   */
  static int run(List<String> command, List<String> withoutVariables, Map<String, String> variables)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(
                WINDOWS ? command.stream().map(ChildProcess::quotedForWindows).toList() : command)
            .inheritIO();
    builder.environment().keySet().removeAll(withoutVariables);
    builder.environment().putAll(variables);
    Process process = builder.start();
    SIGNALS.forEach(name -> relay(name, process));
    return process.waitFor();
  }

  /**
   * Relays a signal to a child, which decides. One that this process ignores, as with {@code
   * nohup}, remains ignored.
   */
  private static void relay(String name, Process child) {
    try {
      Signal signal = new Signal(name);
      if (Signal.handle(signal, caught -> send(name, child)) == SignalHandler.SIG_IGN) {
        SignalHandler unused = Signal.handle(signal, SignalHandler.SIG_IGN);
      }
    } catch (IllegalArgumentException refused) {
      // The system lacks it, or the JVM leaves it to the system because of -Xrs.
      return;
    }
  }

  /** Java has no method for a signal but SIGTERM and SIGKILL. */
  private static void send(String name, Process child) {
    try {
      int unused =
          new ProcessBuilder("/bin/sh", "-c", "kill -%s %d".formatted(name, child.pid()))
              .start()
              .waitFor();
    } catch (IOException | InterruptedException noShell) {
      child.destroy();
    }
  }

  /**
   * Quotes a word for Windows if ProcessBuilder doesn't: an empty one, one with quotes, and one
   * with wildcards, which Java would expand.
   */
  static String quotedForWindows(String word) {
    if (word.matches("[^\"*?]+")) {
      return word;
    }
    // Backslashes count as such, unless they stand before a quote.
    String escaped = word.replaceAll("(\\\\*)\"", "$1$1\\\\\"").replaceAll("\\\\+\\z", "$0$0");
    return '"' + escaped + '"';
  }
}
