//! Tokens that are bound to the certificate of the connection (RFC 8705 §3).

use super::*;

/// A good exchange of this token by a client that has shown this certificate.
async fn with_certificate(world: &World, token: &str, audience: &str, certificate: Option<Thumbprint>) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(TestApp::form(token, audience)).finish();
    let mut request = Request::post("/token").header(FORM.0, FORM.1).body(Body::from(body)).unwrap();
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(ClientCertificate(certificate));
    }
    world.app.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_binds_where_somebody_asked_for_it() {
    let world = world().await;
    let (own, other) = (Thumbprint::of(b"own"), Thumbprint::of(b"another's"));
    let none = with_certificate(&world, &world.token(), BASEMENT, None).await;
    assert_eq!(verdict(&none), "400 invalid_request denied: certificate_required");
    let bound = with_certificate(&world, &world.token(), BASEMENT, Some(own)).await;
    assert_eq!((verdict(&bound), &bound.json()["token_type"]), ("200 use".into(), &json!("Bearer")));
    assert_eq!(bound.token_part(1)["cnf"], json!({ "x5t#S256": own }));
    let elsewhere = with_certificate(&world, &world.token(), DEPLOY, Some(own)).await;
    assert_eq!(elsewhere.token_part(1).get("cnf"), None, "a certificate that nobody asked for");

    let inbound = world.token_with(&[("cnf", json!({ "x5t#S256": own }))]);
    for (shown, expected) in
        [(None, "400 invalid_request rejected: pop_required"), (Some(other), "400 invalid_request rejected: pop_mismatch")]
    {
        assert_eq!(verdict(&with_certificate(&world, &inbound, DEPLOY, shown).await), expected);
    }
    let answer = with_certificate(&world, &inbound, DEPLOY, Some(own)).await;
    assert_eq!(answer.token_part(1)["cnf"], json!({ "x5t#S256": own }), "what bound the token binds the new one");
}
