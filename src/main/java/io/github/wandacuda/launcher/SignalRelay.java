package io.github.wandacuda.launcher;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/**
 * Relays signals that ask this process to end to a child, which decides. Signals that this process
 * ignores, as with {@code nohup}, remain ignored. On Windows nothing is relayed, since Ctrl-C
 * reaches all processes of a console.
 *
 * <p>The signal classes aren't part of the Java API that this package is compiled for, but all
 * newer versions have them.
 */
final class SignalRelay {
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
