// What each client script reports: a JSON line of what it has seen. Where and with which key to ask comes from the environment.
export const base = process.env.CLIENT_BASE_URL;
export const key = process.env.CLIENT_KEY;
export const weather = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
  required: ['city', 'days'],
  additionalProperties: false,
};

export async function failure(work) {
  try {
    await work();
  } catch (error) {
    return { class: error.constructor.name, status: error.status ?? error.statusCode ?? null, code: error.code ?? null };
  }
  return null;
}

export function report(seen) {
  process.stdout.write(JSON.stringify(seen));
}
