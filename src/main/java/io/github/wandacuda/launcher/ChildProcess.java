package io.github.wandacuda.launcher;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

final class ChildProcess {
  private ChildProcess() {}

  /**
   * Starts a program with this process's streams, relays signals to it, waits until it ends and
   * returns its exit code, 128 and the signal's number if a signal ended it. The same thread must
   * start it and wait, since the child takes the end of that thread for the end of its parent.
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
    if (word.matches("[^\"*?]+")) {
      return word;
    }
    // Backslashes count as such, unless they stand before a quote.
    String escaped = word.replaceAll("(\\\\*)\"", "$1$1\\\\\"").replaceAll("\\\\+\\z", "$0$0");
    return '"' + escaped + '"';
  }

  /**
   * Relays signals that ask this process to end to a child, which decides. Signals that this
   * process ignores, as with {@code nohup}, remain ignored. On Windows nothing is relayed, since
   * Ctrl-C reaches all processes of a console.
   *
   * <p>The signal classes aren't part of the Java API that this package is compiled for, but all
   * newer versions have them.
   */
  private static final class SignalRelay {
    private static final String[] SIGNALS = {"INT", "TERM", "HUP"};

    private final Process child;
    private final Class<?> signal;
    private final Class<?> handler;

    private SignalRelay(Process child) throws ClassNotFoundException {
      this.child = child;
      this.signal = Class.forName("sun.misc.Signal");
      this.handler = Class.forName("sun.misc.SignalHandler");
    }

    /** Starts to relay; does nothing if this Java has no access to signals. */
    static void to(Process child) {
      try {
        SignalRelay relay = new SignalRelay(child);
        for (String name : SIGNALS) {
          relay.install(name);
        }
      } catch (ReflectiveOperationException none) {
        return;
      }
    }

    private void install(String name) throws ReflectiveOperationException {
      Object relay =
          Proxy.newProxyInstance(
              SignalRelay.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, args) -> {
                send(name);
                return null;
              });
      Object ignore = handler.getField("SIG_IGN").get(null);
      try {
        if (handle(name, relay) == ignore) {
          handle(name, ignore);
        }
      } catch (InvocationTargetException refused) {
        // The system lacks the signal, or the JVM doesn't use it because of -Xrs.
        return;
      }
    }

    private Object handle(String name, Object with) throws ReflectiveOperationException {
      Object which = signal.getConstructor(String.class).newInstance(name);
      return signal.getMethod("handle", signal, handler).invoke(null, which, with);
    }

    private void send(String name) throws InterruptedException, ReflectiveOperationException {
      if (File.separatorChar == '\\') {
        return;
      }
      try {
        new ProcessBuilder("/bin/sh", "-c", "kill -" + name + " " + pid(child)).start().waitFor();
      } catch (IOException noShell) {
        child.destroy();
      }
    }

    private static String pid(Process process) throws ReflectiveOperationException {
      try {
        return Process.class.getMethod("pid").invoke(process).toString();
      } catch (NoSuchMethodException java8) {
        Field pid = process.getClass().getDeclaredField("pid");
        pid.setAccessible(true);
        return pid.get(process).toString();
      }
    }
  }
}
