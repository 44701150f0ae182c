# SPDX-License-Identifier: Apache-2.0
"""Tokens of service accounts: they outlive a restart, and end with their account, with what they are
bound to and with their time. usage: PROGRAM"""
import base64
import json
import os
import stat
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
CORE = "/api/v1/namespaces/default"


class Tokens(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM)
        self.addCleanup(self.s.close)
        self.s.start()
        self.make("serviceaccounts", "agent")

    def make(self, plural, name, **more):
        kind = {"serviceaccounts": "ServiceAccount", "secrets": "Secret", "pods": "Pod"}[plural]
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more}
        status, answer = self.s.request("POST", f"{CORE}/{plural}", body)
        self.assertEqual(status, 201, answer)
        return answer["metadata"]["uid"]

    def ask(self, account="agent", **spec):
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return self.s.request("POST", f"{CORE}/serviceaccounts/{account}/token", body)

    def token(self, **spec):
        status, answer = self.ask(**spec)
        self.assertEqual(status, 201, answer)
        return answer["status"]["token"]

    def who(self, token):
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        status, answer = self.s.request(
            "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body,
            headers={"Authorization": "Bearer " + token})
        return answer["status"]["userInfo"]["username"] if status == 201 else status

    def check_good(self, token):
        self.assertEqual(self.who(token), "system:serviceaccount:default:agent")

    def test_restart(self):
        token = self.token()
        self.check_good(token)
        key = os.path.join(self.s.folder, "data", "sa.key")
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        self.s.stop()
        self.s.start()
        self.check_good(token)
        self.s.stop()
        os.unlink(key)
        self.s.start()
        self.assertEqual(self.who(token), 401)
        self.check_good(self.token())

    def test_tokens_of_another_server_are_refused(self):
        with Server(PROGRAM) as other:
            mine, self.s = self.s, other
            self.make("serviceaccounts", "agent")
            foreign, self.s = self.token(), mine
        self.assertEqual(self.who(foreign), 401)

    def test_claims(self):
        part = self.token(expirationSeconds=700).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=="))
        self.assertEqual(claims["exp"] - claims["iat"], 700)
        self.assertEqual(claims["sub"], "system:serviceaccount:default:agent")
        self.assertEqual(claims["kubernetes.io"]["serviceaccount"]["name"], "agent")

    def test_another_audience(self):
        self.assertEqual(self.who(self.token(audiences=["vault"])), 401)

    def test_the_account_made_anew_is_another(self):
        token = self.token()
        self.s.request("DELETE", f"{CORE}/serviceaccounts/agent")
        self.assertEqual(self.who(token), 401)
        self.make("serviceaccounts", "agent")
        self.assertEqual(self.who(token), 401)

    def test_bound_to_an_object(self):
        uid = self.make("secrets", "held")
        ref = {"apiVersion": "v1", "kind": "Secret", "name": "held", "uid": uid}
        token = self.token(boundObjectRef=ref)
        self.check_good(token)
        self.s.stop()
        self.s.start()
        self.check_good(token)
        self.s.request("DELETE", f"{CORE}/secrets/held")
        self.assertEqual(self.who(token), 401)
        self.assertEqual(self.ask(boundObjectRef=ref)[0], 404)
        self.make("secrets", "held")
        self.assertEqual(self.who(token), 401)
        self.assertEqual(self.ask(boundObjectRef=ref)[0], 409)
        self.assertEqual(self.ask(boundObjectRef={"kind": "ConfigMap", "name": "x"})[0], 400)

    def test_a_pod_of_another_account(self):
        self.make("pods", "p", spec={"serviceAccountName": "other", "schedulerName": "nobody",
                                     "containers": [{"name": "c", "image": "i"}]})
        self.assertEqual(self.ask(boundObjectRef={"kind": "Pod", "name": "p"})[0], 400)


if __name__ == "__main__":
    unittest.main(verbosity=2)
